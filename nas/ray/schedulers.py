"""Tune schedulers: one that carries out a search's decisions, and one for any Tune run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ray import cloudpickle
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from nas.ray.searcher import SearchJobs
from nas.schedulers.stopping import SuccessiveHalving

Mode = Literal["min", "max"]


class MultiObjectiveASHA(FIFOScheduler):
    """Successive halving on several objectives for any Tune run: :mod:`nas.schedulers.stopping`.

    It stops trials and never pauses them. A trial continues if its result lacks an objective, or if
    one is not finite.

    Args:
        objectives: "min" or "max" by name in a trial's results; the first counts most if trade-offs
            are equally good.
        rungs: values of ``time_attr`` at which trials are compared, ascending whole numbers; each
            trial must report exactly there.
        reduction_factor: one trial of so many continues at a rung.
        time_attr: name of the result that counts a trial's progress.

    Raises:
        ValueError: there is no objective, a mode is neither "min" nor "max", or the rungs or the
            factor are impossible.
    """

    def __init__(
        self,
        objectives: Mapping[str, Mode],
        *,
        rungs: Sequence[int],
        reduction_factor: float,
        time_attr: str = "training_iteration",
    ) -> None:
        super().__init__()
        if not objectives or not set(objectives.values()) <= {"min", "max"}:
            raise ValueError(
                f"objectives must be one or more, each min or max, got {dict(objectives)}"
            )
        self.halving = SuccessiveHalving(rungs, reduction_factor)
        self._signs = {name: -1.0 if mode == "max" else 1.0 for name, mode in objectives.items()}
        self._time_attr = time_attr

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Stop a trial that is not among the best at a rung."""
        if not {self._time_attr, *self._signs} <= result.keys():
            return str(TrialScheduler.CONTINUE)
        losses = [sign * result[name] for name, sign in self._signs.items()]
        if not all(map(math.isfinite, losses)):
            return str(TrialScheduler.CONTINUE)
        decision = self.halving.report(trial.trial_id, result[self._time_attr], losses)
        stops = decision == "stop"
        return str(TrialScheduler.STOP if stops else TrialScheduler.CONTINUE)


class WorkerNotStartedError(RuntimeError):
    """A worker died before it began its trial."""


class SearchScheduler(FIFOScheduler):
    """Carry out the search's decisions on Tune's trials.

    It also passes on every result and the death of a worker, whose cause Tune does not tell a
    searcher.
    """

    def __init__(self, searcher: SearchJobs) -> None:
        super().__init__()
        self._searcher = searcher

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Return the newest trial that waits for a worker.

        Tune gives it the worker that has become free. An earlier trial has asked for a worker of
        its own, which takes seconds to start, and would lose it: if trials are shorter than that,
        all would run on the first worker.
        """
        waiting = {t for t in tune_controller.get_live_trials() if t.status == Trial.PENDING}
        newest_first = reversed(tune_controller.get_trials())
        return next((trial for trial in newest_first if trial in waiting), None)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Continue or stop a trial as the search decides."""
        stops = self._searcher.decide(trial.trial_id, result) == "stop"
        return str(TrialScheduler.STOP if stops else TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Record why a worker was lost, which Tune does not tell a searcher.

        Raises:
            WorkerNotStartedError: it died before it began the trial, for which no architecture is
                to blame; often memory is short, of which Ray then says nothing.
        """
        file = trial.pickled_error_file
        error = RuntimeError("Ray does not say why")
        if file is not None and Path(file).exists():
            error = cloudpickle.loads(Path(file).read_bytes())
        elif self._searcher.running[trial.trial_id].actor is None:
            raise WorkerNotStartedError("a worker died while it started, and Ray does not say why")
        self._searcher.lost(trial.trial_id, error)
