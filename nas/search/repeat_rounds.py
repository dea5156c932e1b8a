"""Repeats: trainings of a search's finalists with other seeds, in rounds."""

from __future__ import annotations

from collections.abc import Mapping

from nas.evaluation.evaluate import EvaluationResult
from nas.search.job import Job
from nas.search.problem import SearchProblem
from nas.search.records import Records
from nas.search.repeats import Round, unfinished_round
from search_space.architecture import Architecture


class RepeatRounds:
    """Hand out the repeats of one round, and those of the next when all of these have ended.

    Use it when the search's own trials have ended.

    Args:
        problem: the search's.
        records: the run's.
    """

    def __init__(self, problem: SearchProblem, records: Records) -> None:
        self._problem = problem
        self._records = records
        self._done = records.evaluations("repeats")
        self._round = Round(0, 0, [])
        self._begun = 0
        self.running = 0

    def current(self) -> Round:
        """Return the running round, or else the next; its ``left`` are still to be begun."""
        if not self._round.left and not self.running:
            trained = self._records.evaluations("search")
            self._round = unfinished_round(self._problem, trained, self._done)
        return self._round

    def begin(self) -> Job | None:
        """Begin the next repeat and return its job; None while there is none."""
        left = self.current().left
        if not left:
            return None
        architecture, seed = left.pop(0)
        self.running += 1
        self._begun += 1
        return Job("repeats", self._begun - 1, architecture, seed)

    def end(
        self,
        architecture: Architecture,
        seed: int,
        metrics: Mapping[str, float],
        result: EvaluationResult,
        error: str | None = None,
    ) -> None:
        """Record the result of a repeat."""
        self.running -= 1
        row = self._records.add(
            "repeats",
            architecture,
            seed=seed,
            metrics=metrics,
            curve=result.curve,
            device_seconds=result.device_seconds,
            recipe_id=self._problem.recipe_id,
            error=error,
        )
        self._done.append(row)
