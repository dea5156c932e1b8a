"""Records: what a search writes its trials to, a run's ledger or the memory of a replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from nas.costs.limits import Rejections
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.lost_workers import LostWorker
from nas.evaluation.time_parts import NO_SECONDS
from nas.samplers.choice_space import Candidate
from nas.storage.evaluation import Evaluation, Kind, TrialRecord
from search_space.cost.latency_record import Latency

T = TypeVar("T")


class Records(Protocol):
    """The studies of one search. :class:`nas.storage.ledger.Ledger` is one."""

    storage: BaseStorage
    place: str  # its name in messages

    def transact(self, write: Callable[[], T]) -> T:
        """Return what ``write`` returns, after everything that it writes was written, or nothing.

        It may be called again, if the storage was lost meanwhile, and must begin from the same
        state then.

        Raises:
            RunError: the storage refused something, or was away for too long.
        """

    def wait_no_more(self) -> None:
        """Wait for no server from now on."""

    def study_name(self, kind: Kind) -> str:
        """Return the name of one of the studies in the storage."""

    def trials(self, kind: Kind = "search") -> Sequence[FrozenTrial]:
        """Return all trials of a study, by number; not to be changed."""

    def records(self, kind: Kind = "search") -> Sequence[TrialRecord]:
        """Return all trials of a study, by number, each with its attributes as JSON."""

    def evaluations(self, kind: Kind = "search") -> list[Evaluation]:
        """Return all rows of a study, by number; a trial without an architecture has none."""

    def rejections(self) -> Rejections:
        """Return the rejections by limits so far."""

    def architecture_attributes(
        self, number: int, architecture: Candidate, *, seed: int, recipe_id: str
    ) -> dict[str, Any]:
        """Return the attributes of a trial that describe its architecture."""

    def training_attributes(
        self,
        number: int,
        metrics: Mapping[str, float],
        result: EvaluationResult,
        latency: Latency | None,
    ) -> dict[str, Any]:
        """Return the attributes of a trial that hold its result, beside its accuracies by epoch.

        ``metrics`` are those of a whole training, and empty for a part of one.
        """

    def rest(self, number: int) -> None:
        """Note that an unfinished trial of the search will not be written to until it wakes."""

    def wake(self, number: int) -> None:
        """Note that a resting trial of the search will be written to again."""

    def add(
        self,
        kind: Kind,
        architecture: Candidate,
        *,
        seed: int,
        metrics: Mapping[str, float],
        curve: Sequence[Mapping[str, Any]],
        device_seconds: float,
        recipe_id: str,
        error: str | None = None,
        lost_workers: Sequence[LostWorker] = (),
        seconds: Mapping[str, float] = NO_SECONDS,
    ) -> Evaluation:
        """Add a finished row to a study other than the search's own, in one transaction."""
