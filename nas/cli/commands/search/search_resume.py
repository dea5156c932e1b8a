"""The end of a search before its time: what is said, how it goes on, and what it waits for."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from nas.cli.commands.typed_command import typed
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.config.sections import SearchSettings
from nas.config.storage_url import without_password
from nas.errors import RunError
from nas.ray.cluster.signals import ignored
from nas.search.trial_state import TRAINED
from nas.search.waiting import Waiting
from nas.storage.ledger import Ledger
from nas.storage.run.ending import Ending
from nas.storage.run.folder import RunFolder
from nas.storage.run.state import RunState

JOB = "CONVATTN_JOB"
"""The variable that tells a command the id of the job on a cluster that it is."""


@contextmanager
def saying_how_to_go_on(
    output: Output, config: SearchConfig, ledger: Ledger, command: str
) -> Iterator[None]:
    """Print, if the block is stopped, that all results are kept, and the command to resume."""
    try:
        yield
    except (KeyboardInterrupt, Exception):
        with ignored():
            ledger.wait_no_more()
            trained = trained_so_far(config, ledger)
            output.say(f"\nstopped: {trained} and kept; continue with: {command}")
        raise


@contextmanager
def saying_how_to_show(output: Output, run: RunFolder) -> Iterator[None]:
    """Print, if the block is interrupted, that the search is finished, and what shows its front."""
    try:
        yield
    except KeyboardInterrupt:
        with ignored():
            command = typed("frontier", run.name, "--runs", run.path.parent)
            output.say(f"\nstopped: the search is finished; show its front with: {command}")
        raise


def trained_so_far(config: SearchConfig, ledger: Ledger) -> str:
    """Return a text such as ``5 of 12 trials are trained (3 stopped early, 2 more paused)``."""
    try:
        states = Counter(row.state for row in ledger.evaluations("search"))
    except RunError:  # a server that is away, perhaps; the search was stopped for another reason
        return "all that were trained are in the storage, which cannot be read now,"
    beside = [f"{states['pruned']} stopped early"] if states["pruned"] else []
    beside += [f"{states['paused']} more paused"] if states["paused"] else []
    listed = f" ({', '.join(beside)})" if beside else ""
    trained = sum(states[state] for state in TRAINED)
    return f"{trained} of {config.search.n_trials} trials are trained{listed}"


def resume_command(
    config_file: Path, overrides: Sequence[str], config: SearchConfig, runs: Path
) -> str:
    """Return the command that resumes a run, quoted for a shell; a job is submitted again."""
    if JOB in os.environ:
        return f"the `nas submit search` that submitted job {os.environ[JOB]}, given again"
    replaced = ("name", "storage")
    kept = [word for word in overrides if word.partition("=")[0] not in replaced]
    if config.storage is not None and len(kept) < len(overrides):
        kept.append(f"storage={without_password(config.storage)}")
    words = ["search", str(config_file), *kept, f"name={config.name}", "--resume"]
    return typed(*words, "--runs", str(runs))


def report_ending(
    output: Output,
    ending: Ending | None,
    config_file: Path,
    overrides: Sequence[str],
    config: SearchConfig,
    runs: Path,
) -> None:
    """Print why a search ended before all was done, and a command with which it goes on.

    Args:
        output: to print to.
        ending: the search's; nothing is printed without one.
        config_file, overrides, runs: what the command was given.
        config: the search's.
    """
    if ending is None:
        return
    output.say(f"the search ended with fewer trials than asked; {ending}")
    if not ending.change:
        return
    further = f"{ending.by}={_further(config.search, ending.by):g}"
    if JOB in os.environ:  # its words are those of the staged files, not the user's
        output.say(f"to go on, {ending.change}, and submit it again, for example with {further}")
        return
    changed = [word for word in overrides if word.partition("=")[0] != ending.by]
    command = resume_command(config_file, [*changed, further], config, runs)
    output.say(f"{ending.how_to_go_on}, for example: {command}")


def _further(settings: SearchSettings, key: str) -> float:
    """Return a value of a setting with which a search that it ended goes on for a while."""
    value = float(getattr(settings, key.removeprefix("search.")))
    return value / 10 if key == "search.stop_below" else 2 * value


def resuming_arguments(
    config_file: Path,
    overrides: Sequence[str],
    config: SearchConfig,
    runs: Path,
    *,
    allow_changed_data: bool,
    trust: bool,
) -> list[str]:
    """Return the arguments of the command that resumes a run."""
    kept = [word for word in overrides if word.partition("=")[0] != "name"]
    options = ["--resume", "--runs", str(runs)]
    options += ["--allow-changed-data"] if allow_changed_data else []
    options += ["--trust"] if trust else []
    return ["search", str(config_file), *kept, f"name={config.name}", *options]


class WaitingNote:
    """Write what a search waits for into its folder, where ``nas status`` reads it.

    Args:
        run: the run.
        waiting: the search's.
    """

    def __init__(self, run: RunFolder, waiting: Waiting) -> None:
        self._run = run
        self._waiting = waiting
        self._written = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._write("")  # also when a wait ended in an error

    def update(self) -> None:
        """Write the reason, if it is another than before."""
        self._write(self._waiting.reason or self._waiting.beside)

    def _write(self, reason: str) -> None:
        if reason != self._written:
            self._written = reason
            since = f", since {time.strftime('%H:%M:%S')}" if reason else ""
            self._run.write_state(RunState(waiting=reason + since))
