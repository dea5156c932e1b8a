"""Decisions at rungs: a search's rule, told of its trials and of those of earlier drivers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nas.schedulers.protocol import Decision
from nas.search.problem import SearchProblem
from nas.search.records import Records
from nas.search.training_states import PausedTrainings
from nas.search.trial_metrics import TrialMetrics
from nas.search.trial_state import TRAINED, State
from nas.search.trials import Trials
from nas.storage.evaluation import Evaluation, curve_points


class RungDecisions:
    """Decide which trials stop, pause and are promoted.

    Args:
        problem: the search's.
        records: the run's; the trials of earlier drivers are reported to the rule.
        trials: the search's.
        metrics: computes what trials are compared by.
        states: of paused trainings; those of trials that do not wait are removed.
    """

    def __init__(
        self,
        problem: SearchProblem,
        records: Records,
        trials: Trials,
        metrics: TrialMetrics,
        states: PausedTrainings,
    ) -> None:
        self._rungs = problem.rungs
        self._trials = trials
        self._metrics = metrics
        self._states = states
        self._rule = problem.rule()
        if self._rungs:
            self._restore(records)

    def report(self, number: int, architecture: object, epoch: int, accuracy: float) -> Decision:
        """Decide whether a trial that has reached a point of its curve continues."""
        if epoch not in self._rungs:
            return "continue"
        return self._rule.report(number, epoch, self._metrics.losses(architecture, accuracy))

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """Return the paused trial to promote, see :meth:`nas.schedulers.protocol.RungRule.next`."""
        return self._rule.next(more_begin=more_begin, arriving=arriving)

    def promote(self, number: int) -> None:
        """Record that a paused trial continues."""
        self._rule.promote(number)

    def withdraw(self, number: int) -> None:
        """Forget a failed trial, and its state."""
        self._rule.withdraw(number)
        self._states.discard(number)

    def end_paused(self) -> None:
        """Stop all paused trials for good."""
        for trial in self._trials.of(State.PAUSED):
            self._trials.stop_paused(trial.number)
            self._rule.end(trial.number)
        self._states.keep_only(())

    def _restore(self, records: Records) -> None:
        for row in records.evaluations("search"):
            trial = self._trials.trial(row.number)
            if trial.state not in (*TRAINED, State.PAUSED):
                continue
            for epoch, accuracy in _rungs_of(row, self._rungs).items():
                self.report(row.number, row.architecture, epoch, accuracy)
            if trial.state == State.COMPLETE:
                self._rule.promote(row.number)
            elif trial.state == State.PRUNED:
                self._rule.end(row.number)
        self._states.keep_only(trial.number for trial in self._trials.of(State.PAUSED))


def _rungs_of(row: Evaluation, rungs: Sequence[int]) -> dict[int, float]:
    """Return a row's accuracy at each rung that it reached."""
    points = curve_points(row.curve)
    return {rung: points[rung] for rung in rungs if rung in points}
