"""Tune's schedulers: one that does what a search decides, and one for anyone's Tune run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from nas.ray.searcher import SearchJobs
from nas.schedulers.halving import SuccessiveHalving

Mode = Literal["min", "max"]


class MultiObjectiveASHA(FIFOScheduler):
    """Successive halving on several objectives for any Tune run: :mod:`nas.schedulers.halving`.

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


class SearchScheduler(FIFOScheduler):
    """Does with Tune's trials what the search decides.

    Tune tells a searcher neither of every result nor why a worker died: this does.
    """

    def __init__(self, searcher: SearchJobs) -> None:
        super().__init__()
        self._searcher = searcher

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """The newest trial that waits for a worker.

        Tune gives it the worker that became free. An earlier one has asked for a worker of its own,
        which takes seconds to start, and would lose it: with trials that are shorter than that, all
        would run on the first worker that came up.
        """
        waiting = {t for t in tune_controller.get_live_trials() if t.status == Trial.PENDING}
        newest_first = reversed(tune_controller.get_trials())
        return next((trial for trial in newest_first if trial in waiting), None)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """What the search decides."""
        stops = self._searcher.decide(trial.trial_id, result) == "stop"
        return str(TrialScheduler.STOP if stops else TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Keep what Tune knows of a worker's death."""
        path = trial.error_file
        if path and Path(path).exists():
            self._searcher.causes_of_death[trial.trial_id] = Path(path).read_text()
