"""The records that a search keeps of its trials: a run's ledger, or the memory of a replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from nas.costs.limits import Rejections
from nas.evaluation.evaluate import EvaluationResult
from nas.samplers.choice_space import Candidate
from nas.storage.evaluation import Evaluation, Kind
from search_space.cost.latency import Latency


class Records(Protocol):
    """The studies of one search. :class:`nas.storage.ledger.Ledger` is one."""

    storage: BaseStorage
    place: str  # what messages call it

    def one_transaction(self) -> AbstractContextManager[None]:
        """A block that writes all that it writes, or nothing.

        Raises:
            RunError: the storage refused something.
        """

    def study_name(self, kind: Kind) -> str:
        """The name of one of the studies in the storage."""

    def trials(self, kind: Kind = "search") -> Sequence[FrozenTrial]:
        """All trials of a study, by number; not to be changed."""

    def evaluations(self, kind: Kind = "search") -> list[Evaluation]:
        """All rows of a study, by number. A trial that never got an architecture is no row."""

    def rejections(self) -> Rejections:
        """The rejections by limits so far."""

    def architecture_attributes(
        self, number: int, architecture: Candidate, *, seed: int, recipe_id: str
    ) -> dict[str, Any]:
        """The attributes that say what a trial's architecture is."""

    def training_attributes(
        self,
        number: int,
        metrics: Mapping[str, float],
        result: EvaluationResult,
        latency: Latency | None,
    ) -> dict[str, Any]:
        """The attributes that say what a trial's training gave, beside its accuracies by epoch.

        ``metrics`` are those of a whole training, else empty.
        """

    def rest(self, number: int) -> None:
        """Nothing is written to an unfinished trial of the search from now on."""

    def wake(self, number: int) -> None:
        """A trial of the search that rests will be written to."""

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
    ) -> Evaluation:
        """Add a finished row to a study other than the search's own, in one step."""
