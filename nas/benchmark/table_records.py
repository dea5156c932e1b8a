"""The records of a replay, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import optuna
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from nas.costs.limits import Rejections
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.lost_workers import LostWorker
from nas.evaluation.time_parts import NO_SECONDS
from nas.metrics import whole_counts
from nas.samplers.choice_space import Candidate
from nas.search.problem import SearchProblem
from nas.storage.evaluation import Evaluation, Kind, TrialRecord, record_of, state_of
from search_space.cost.latency_record import Latency

T = TypeVar("T")

NAME = "replay"


class TableRecords:
    """Keep a replay's trials in memory; see :class:`nas.search.records.Records`.

    Args:
        problem: the search's.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self.storage: BaseStorage = InMemoryStorage()
        self.place = "memory"
        self._problem = problem
        self._architectures: dict[int, Candidate] = {}
        self._results: dict[int, EvaluationResult] = {}
        self._others: dict[Kind, list[Evaluation]] = {}
        directions = [
            StudyDirection.MAXIMIZE if name in problem.maximised else StudyDirection.MINIMIZE
            for name in problem.objectives
        ]
        optuna.create_study(study_name=NAME, storage=self.storage, directions=directions)
        self._study_id = self.storage.get_study_id_from_name(NAME)

    def transact(self, write: Callable[[], T]) -> T:
        """Only call ``write``: no record outlives the process."""
        return write()

    def wait_no_more(self) -> None:
        """Do nothing: no server is waited for."""

    def study_name(self, kind: Kind) -> str:
        """Return the name of the search's study; there is no other."""
        assert kind == "search"
        return NAME

    def trials(self, kind: Kind = "search") -> Sequence[FrozenTrial]:
        """Return all trials, by number; not to be changed."""
        assert kind == "search"
        return self.storage.get_all_trials(self._study_id, deepcopy=False)

    def records(self, kind: Kind = "search") -> Sequence[TrialRecord]:
        """Return all trials, by number, each with its attributes as JSON."""
        return [record_of(trial) for trial in self.trials(kind)]

    def evaluations(self, kind: Kind = "search") -> list[Evaluation]:
        """Return all rows of a study, by number."""
        if kind != "search":
            return list(self._others.get(kind, ()))
        return [self._row(t) for t in self.trials() if t.number in self._architectures]

    def rejections(self) -> Rejections:
        """Return no rejections: a replay begins without any."""
        return Rejections()

    def architecture_attributes(
        self, number: int, architecture: Candidate, *, seed: int, recipe_id: str
    ) -> dict[str, Any]:
        """Keep the architecture here and return nothing: Optuna copies attributes at every read."""
        self._architectures[number] = architecture
        return {}

    def training_attributes(
        self,
        number: int,
        metrics: Mapping[str, float],
        result: EvaluationResult,
        latency: Latency | None,
    ) -> dict[str, Any]:
        """Keep the result here and return nothing, for the same reason."""
        self._results[number] = result._replace(metrics=dict(metrics))
        return {}

    def rest(self, number: int) -> None:
        """Do nothing: no trial is read from a database."""

    def wake(self, number: int) -> None:
        """Do nothing: no trial is read from a database."""

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
        """Add a finished row to a study other than the search's own."""
        rows = self._others.setdefault(kind, [])
        rows.append(
            Evaluation(
                kind=kind,
                number=len(rows),
                state="fail" if error else "complete",
                network=architecture,
                seed=seed,
                recipe_id=recipe_id,
                metrics=whole_counts(metrics),
                curve=curve,
                device_seconds=device_seconds,
                error=error,
                violation={},
                started=None,
                finished=None,
                lost_workers=tuple(lost_workers),
                seconds=seconds,
            )
        )
        return rows[-1]

    def _row(self, trial: FrozenTrial) -> Evaluation:
        attributes = trial.user_attrs
        result = self._results.get(trial.number, EvaluationResult({}, [], 0.0))
        return Evaluation(
            kind="search",
            number=trial.number,
            state=state_of(trial),
            network=self._architectures[trial.number],
            seed=self._problem.seed,
            recipe_id=self._problem.recipe_id,
            metrics=whole_counts(result.metrics),
            curve=result.curve,
            device_seconds=result.device_seconds,
            error=attributes.get("error"),
            violation=attributes.get("violation", {}),
            started=trial.datetime_start,
            finished=trial.datetime_complete,
            stopped_at_epoch=attributes.get("stopped_at_epoch"),
        )
