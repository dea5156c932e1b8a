"""Follow a run's ledger, and tell its trackers of every trial that changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

from nas.errors import RunError
from nas.storage.evaluation import Evaluation, Kind
from nas.workflows.tracking.tracker import Tracker

log = logging.getLogger(__name__)

FOLLOWED: tuple[Kind, ...] = ("search", "repeats")
LOOK_EVERY_SECONDS = 1.0


class Rows(Protocol):
    """The part of a ledger that is followed."""

    def evaluations(self, kind: Kind) -> list[Evaluation]:
        """Return all rows of a study, by number."""


class Follower:
    """Tell trackers of a ledger's trials, from the first one on, and of the last ones at the end.

    A tracker that raises is told nothing more, with a warning: the search matters more.

    Args:
        rows: the ledger.
        trackers: by name.
        clock: returns seconds.
    """

    def __init__(
        self,
        rows: Rows,
        trackers: Mapping[str, Tracker],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows = rows
        self._trackers = dict(trackers)
        self._clock = clock
        self._next_look = float("-inf")
        self._told: dict[tuple[Kind, int], tuple[str, int]] = {}

    def update(self) -> None:
        """Tell what has changed, if it was last looked a second ago or more."""
        if self._trackers and self._clock() >= self._next_look:
            self._tell_all()
            self._next_look = self._clock() + LOOK_EVERY_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._tell_all()
        except RunError as unreadable:  # the storage is away, which the search reports itself
            log.warning("the trackers were not told of the last trials: %s", unreadable)
        for name in list(self._trackers):
            self._try(name, lambda tracker: tracker.close())

    def _tell_all(self) -> None:
        if not self._trackers:
            return
        for kind in FOLLOWED:
            for row in self._rows.evaluations(kind):
                state = (row.state, row.epochs)
                if self._told.get((kind, row.number)) != state:
                    self._told[kind, row.number] = state
                    self._tell(row)

    def _tell(self, row: Evaluation) -> None:
        for name in list(self._trackers):
            self._try(name, lambda tracker: tracker.note(row))

    def _try(self, name: str, act: Callable[[Tracker], None]) -> None:
        try:
            act(self._trackers[name])
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            log.warning("the tracker %s is told nothing more: %s", name, reason, exc_info=True)
            del self._trackers[name]
