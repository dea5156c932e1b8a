"""Schedulers that stop trials early, and how the searcher hears of what they stop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from nas.config import SearchConfig
from nas.halving import SuccessiveHalving
from nas.metrics import METRICS
from nas.ray.searcher import SearchJobs

TIME = "epoch"
"""What a trial's result calls its finished epochs."""

Mode = Literal["min", "max"]


class MultiObjectiveASHA(FIFOScheduler):
    """Successive halving on several objectives, for any Tune run; see :mod:`nas.halving`.

    It stops or lets go on, and never pauses. A result that lacks an objective, or in which one is
    not finite, is let through.

    Args:
        objectives: by name in a trial's results, each "min" or "max"; the first one counts most
            where trade-offs are equally good.
        rungs: at which ``time_attr`` trials are compared, ascending whole numbers; each must
            report exactly there.
        reduction_factor: of how many trials at a rung one goes on.
        time_attr: name of the result that tells how far a trial is.

    Raises:
        ValueError: no objective, a mode that is neither, or rungs or a factor that cannot be.
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


class ToldScheduler(FIFOScheduler):
    """Another scheduler, between which and Tune the searcher is told what it must record.

    Tune tells a searcher neither that the scheduler stopped a trial nor why a worker died. The
    inner scheduler sees the search's trials alone, with their costs beside their accuracies:
    repeats of finalists always run to their end.
    """

    def __init__(self, inner: TrialScheduler, searcher: SearchJobs) -> None:
        super().__init__()
        self._inner = inner
        self._searcher = searcher

    def replay(self, trials: Iterable[tuple[int, Sequence[tuple[int, dict[str, float]]]]]) -> None:
        """Show the inner scheduler what earlier Tune runs came to, as if they were going on.

        Args:
            trials: numbers in the ledger, each with metrics by epoch.
        """
        no_controller: Any = None
        for number, records in trials:
            trial: Any = SimpleNamespace(trial_id=f"ledger-{number}")
            self._inner.on_trial_add(no_controller, trial)
            result: dict[str, Any] = {}
            for epoch, metrics in records:
                result = metrics | {TIME: epoch}
                self._inner.on_trial_result(no_controller, trial, result)
            self._inner.on_trial_complete(no_controller, trial, result)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """The newest trial that waits for a worker.

        Tune gives it the worker that became free. An earlier one has asked for a worker of its own,
        which takes seconds to start, and would lose it: with trials that are shorter than that, all
        would run on the first worker that came up.
        """
        waiting = {t for t in tune_controller.get_live_trials() if t.status == Trial.PENDING}
        newest_first = reversed(tune_controller.get_trials())
        return next((trial for trial in newest_first if trial in waiting), None)

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """A trial of the search is the inner scheduler's."""
        if self._searcher.may_be_stopped(trial.trial_id):
            self._inner.on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """What the inner scheduler decides."""
        if not self._searcher.may_be_stopped(trial.trial_id):
            return str(TrialScheduler.CONTINUE)
        known = self._searcher.metrics_at(trial.trial_id, result)
        decision = self._inner.on_trial_result(tune_controller, trial, result | known)
        if decision == TrialScheduler.STOP:
            self._searcher.stopped.add(trial.trial_id)
        return str(decision)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """The inner scheduler hears of the trials that it knows."""
        if self._searcher.may_be_stopped(trial.trial_id):
            self._inner.on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """The same of a trial that did not run."""
        if self._searcher.may_be_stopped(trial.trial_id):
            self._inner.on_trial_remove(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Keep what Tune knows of a worker's death."""
        path = trial.error_file
        if path and Path(path).exists():
            self._searcher.causes_of_death[trial.trial_id] = Path(path).read_text()
        if self._searcher.may_be_stopped(trial.trial_id):
            self._inner.on_trial_error(tune_controller, trial)


def build_scheduler(config: SearchConfig) -> TrialScheduler:
    """The scheduler that a search's configuration names.

    That trials pause and go on is the search's own business (:mod:`nas.paused_trials`): Tune runs
    each leg of a training as a trial. For stopping them, with one objective it is Ray's own ASHA,
    unless rungs are evenly spaced, which that does not have.
    """
    if config.scheduler.name == "none" or config.promotes:
        return FIFOScheduler()
    if len(config.objectives) == 1 and config.scheduler.spacing == "geometric":
        return AsyncHyperBandScheduler(
            time_attr=TIME,
            metric=config.objectives[0],
            mode="max",
            max_t=config.proxy.epochs,
            grace_period=config.rungs[0],
            reduction_factor=config.scheduler.reduction_factor,
        )
    return MultiObjectiveASHA(
        {
            name: "max" if METRICS[name].is_maximised else "min"
            for name in config.compared_objectives
        },
        rungs=config.rungs,
        reduction_factor=config.scheduler.reduction_factor,
        time_attr=TIME,
    )
