"""The run that a search goes on with: which one, and that it is the same search."""

from __future__ import annotations

import logging
from pathlib import Path

from nas.config.files import differences
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.run.folder import RunFolder
from nas.storage.run.names import next_name
from nas.workflows.earlier_runs import check_may_search
from search_space.architecture import Task

log = logging.getLogger(__name__)

MAY_CHANGE_ON_RESUME = (
    "search.n_trials",
    "search.max_hours",
    "search.max_device_hours",
    "search.stop_below",
    "search.finalist_seeds",
    "search.max_failures",
    "search.patience_minutes",
    "search.timeout_minutes",
    "search.timeout_factor",
    "storage",
    "ledger_folder",
    "networks_url",
    "tracking",
    "data.path",
    "latency.table",
)
MAY_CHANGE_SECTIONS = ("modules", "ray.", "resources.", "retrain")
"""Keys that may change on resuming: its length, where it runs, and the full trainings after it.

So may the places of its files, which are others on another machine: another ledger than the run's
own is refused, and so is another table of latencies.
"""


def named_run(
    config: SearchConfig, runs: Path, *, resume: bool, again: bool, resume_or_start: bool
) -> tuple[SearchConfig, bool]:
    """Return the configuration with its run's name, and whether that run is gone on with.

    A run without a search, which ``nas train`` made, is gone on with in any case.

    Args:
        config: of the command.
        runs: the folder of all runs.
        resume, again, resume_or_start: the options, at most one of them.
    """
    if again:
        config, resume = _newest_or_next(config, runs)
    run = RunFolder(runs / config.name)
    if resume_or_start:
        resume = run.config_file.is_file()
    return config, resume or run.state().unsearched


def _newest_or_next(config: SearchConfig, runs: Path) -> tuple[SearchConfig, bool]:
    """Return, for ``--again``, the newest unfinished run of this name, else a new name.

    A run that an earlier version began is left as it is.
    """
    newest = RunFolder(runs / config.name)
    if not newest.path.exists():
        return config, False
    following = next_name(runs, config.name)
    number = int(following.rpartition("-")[2]) - 1
    if number > 1:
        newest = RunFolder(runs / f"{config.name}-{number}")
    unfinished = not newest.state().finished or newest.has_interrupted_retraining()
    if unfinished and not newest.is_driven() and not newest.config().is_earlier:
        return config.replace(name=newest.name), True
    return config.replace(name=following), False


def check_same_search(run: RunFolder, config: SearchConfig) -> SearchConfig:
    """Check that a run is the search of a configuration, but for what may change on resuming.

    Returns:
        the run's configuration.

    Raises:
        RunError: it is another search, or an earlier version began it.
    """
    theirs = run.config()
    check_may_search(run.name, theirs, next_name(run.path.parent, run.name))
    changed = {
        key: values
        for key, values in differences(theirs.saved, config.saved).items()
        if (key not in MAY_CHANGE_ON_RESUME and not key.startswith(MAY_CHANGE_SECTIONS))
        or (key == "retrain.batch_size" and config.limits.peak_memory_mb is not None)
    }
    if changed:
        listed = "; ".join(f"{key} was {old!r}, is {new!r}" for key, (old, new) in changed.items())
        raise RunError(f"run {run.name!r} cannot be resumed with another configuration: {listed}")
    before = theirs.data.path
    if before != config.data.path:
        log.warning(
            "data.path was %s, is %s: it must hold the same images, in the same order",
            before,
            config.data.path,
        )
    return theirs


def check_same_task(run: RunFolder, task: Task) -> None:
    """Raise if a resumed run would have other data."""
    if not run.task_file.is_file():
        return  # it died before its first result
    changed = differences(run.task(), task)
    if changed:
        listed = "; ".join(f"{key} was {old!r}, is {new!r}" for key, (old, new) in changed.items())
        raise RunError(f"run {run.name!r} cannot be resumed with other data: {listed}")
