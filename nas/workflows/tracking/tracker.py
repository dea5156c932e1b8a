"""The interface of a tracker, and making the named ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from nas.config.tracking import SHIPPED
from nas.errors import CommandError
from nas.storage.evaluation import Evaluation
from nas.workflows.tracking.tensorboard import TensorBoard
from search_space.own_modules import import_own

METHODS = ("note", "close")


class Tracker(Protocol):
    """Follows the trials of one search, on its driver.

    A class of a user's own is made with the run's folder, ``MyTracker(folder)``. A resumed search,
    or one that starts Tune anew, tells of every trial again: ``kind`` and ``number`` name a trial
    for ever, and the same state has the same content.
    """

    def note(self, trial: Evaluation) -> None:
        """Take note that a trial is in another state, or has reached another rung.

        ``trial.kind`` is "search", or "repeats" for trainings of the front with other seeds.
        ``trial.state`` is running, paused, complete, pruned or fail; the curve and the metrics are
        there from ``paused`` on.
        """

    def close(self) -> None:
        """Write what is not written yet: the driver ends."""


MakeTracker = Callable[[Path], Tracker]


def tracker_kinds(names: Sequence[str]) -> dict[str, MakeTracker]:
    """Return the classes of the named trackers.

    Args:
        names: those of the setting ``tracking``.

    Raises:
        CommandError: a module or class cannot be imported, or lacks a method.
    """
    return {name: TensorBoard if name in SHIPPED else _own(name) for name in names}


def make_trackers(kinds: Mapping[str, MakeTracker], folder: Path) -> dict[str, Tracker]:
    """Make the trackers of a run whose folder is ``folder``.

    Raises:
        CommandError: one raises.
    """
    return {name: _made(name, kind, folder) for name, kind in kinds.items()}


def _own(name: str) -> MakeTracker:
    module, _, class_name = name.partition(":")
    try:
        kind: MakeTracker | None = getattr(import_own(module), class_name, None)
    except ValueError as error:
        raise CommandError(f"tracking: {name}: {error}") from error
    if kind is None:
        raise CommandError(f"tracking: the module {module!r} has no class {class_name!r}")
    missing = [each for each in METHODS if not callable(getattr(kind, each, None))]
    if missing:
        raise CommandError(f"tracking: {name} must have the method {missing[0]}")
    return kind


def _made(name: str, kind: MakeTracker, folder: Path) -> Tracker:
    try:
        return kind(folder)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise CommandError(f"tracking: {name} cannot be made: {reason}") from error
