"""Networks by what a user calls them: a name of the zoo, a file, or the ``arch_id`` of a run's."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from nas.errors import CommandError, RunError, TrustError
from nas.storage.ledger_reader import ledger_to_read
from nas.storage.run.file_imports import allow_imports
from nas.storage.run.folder import RunFolder
from search_space.architecture import ARCH_ID_DIGITS, Architecture, Task
from search_space.nearest import did_you_mean
from search_space.space.architecture_file import read_architecture_and_task
from search_space.yaml_validation import ConfigError
from search_space.zoo import IMAGENET, ZOO, named_network

log = logging.getLogger(__name__)


def find_network(what: str, runs: Path, *, trust: bool = False) -> tuple[Architecture, Task]:
    """Return the network that a user names, and the task that it comes with.

    Args:
        what: a name of the zoo, such as ``resnet50`` or ``sasa_resnet50@0.5``; a file; or the
            ``arch_id`` of an architecture of a run.
        runs: the folder of all runs.
        trust: the option ``--trust``, for files and runs.

    Raises:
        CommandError: there is no such network.
        ConfigError: a file does not describe one architecture, or names a module that may not
            be imported: see :func:`nas.storage.run.file_imports.allow_imports`.
    """
    if what.partition("@")[0] in ZOO:
        return _named(what)
    if Path(what).is_file():
        architecture, task = read_architecture_and_task(
            Path(what), imports=allow_imports(Path(what), trust=trust)
        )
        return architecture, task or IMAGENET
    if re.fullmatch(rf"[0-9a-f]{{{ARCH_ID_DIGITS}}}", what):
        return _in_runs(what, runs, trust=trust)
    suggestion = did_you_mean(what.partition("@")[0], ZOO)
    raise CommandError(
        f"{what!r} is not the name of a network, an arch_id or a file; "
        + f"{suggestion} `nas zoo` lists the names".lstrip()
    )


def _named(name: str) -> tuple[Architecture, Task]:
    """Return a network of the zoo, such as ``sasa_resnet50@0.5``, with its paper's task."""
    try:
        known = named_network(name)
        return known.at_width(1.0), known.task
    except ValueError as error:
        raise CommandError(f"{name}: {error}") from error


def _in_runs(arch_id: str, runs: Path, *, trust: bool) -> tuple[Architecture, Task]:
    """Return an architecture from the first run that has it, with that run's task."""
    for config_file in sorted(runs.glob("*/config.yaml")):
        run = RunFolder(config_file.parent, trust=trust)
        if run.path.is_symlink() or not run.task_file.is_file():
            continue
        try:
            task = run.task()
            _, ledger = ledger_to_read(run)
            rows = [*ledger.evaluations("search"), *ledger.evaluations("baselines")]
        except (RunError, ConfigError, TrustError) as error:
            log.warning("run %s was passed over: %s", run.name, error)
            continue
        for row in rows:
            if row.arch_id == arch_id:
                return row.architecture, task
    raise CommandError(f"no run in {runs} has an architecture {arch_id}")
