"""Device-hours of a search, before it starts: trainings of three candidates are timed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch

from nas.config.search_config import SearchConfig
from nas.config.trial_slots import Machine, no_slot, trial_slots
from nas.costs.static_costs import StaticCosts
from nas.workflows.checks import proxy_assignment
from nas.workflows.space_costs import SpaceCosts
from nas.workflows.timing.timed_training import (
    TIMED_SECONDS,
    TIMED_STEPS,
    timed_steps,
    timed_training,
)

Rank = Literal["least", "median", "most"]

FRONT_ASSUMED = 10
"""Members of the front assumed to be trained with other seeds; their number is not known yet."""


class Effort(NamedTuple):
    """The candidates that are timed, by their ranks by MACs, and for how long each."""

    ranks: tuple[Rank, ...] = ("least", "median", "most")
    steps: int = TIMED_STEPS
    seconds: float = TIMED_SECONDS


USUAL_EFFORT = Effort()


@dataclass(frozen=True)
class TimedCandidate:
    """A candidate with the time of its proxy training on this machine."""

    which: str  # its rank by MACs within the limits: least, median or most
    arch_id: str
    macs: int
    epoch_seconds: float  # scaled from the timed steps
    evaluation_seconds: float  # for all validation images
    trial_seconds: float


@dataclass(frozen=True)
class DeviceHours:
    """The device-hours of a search's trainings; trials that are stopped early take less."""

    timed: tuple[TimedCandidate, ...]
    trials: int
    trial_hours: float
    repeats: int  # trainings of the front and of a random sample with other seeds
    repeat_hours: float
    gpu_hours: float  # hours times the GPUs of a trial
    concurrency: int | None  # None for as many as the cluster holds
    wall_hours: float | None

    @property
    def hours(self) -> float:
        """Wall time of all trainings if they run one after another."""
        return self.trial_hours + self.repeat_hours


def trials_within(config: SearchConfig, hours: DeviceHours) -> dict[str, int]:
    """Return how many trials each budget of a search has time for, beside the repeats.

    Returns:
        by the budget's key, such as ``search.max_hours``, only where that is fewer than all.
    """
    budgets = {"search.max_device_hours": config.search.max_device_hours}
    if hours.concurrency is not None and config.search.max_hours is not None:
        budgets["search.max_hours"] = config.search.max_hours * hours.concurrency
    each = hours.trial_hours / hours.trials
    fit = {
        key: max(0, int((most - hours.repeat_hours) / each))
        for key, most in budgets.items()
        if most is not None
    }
    return {key: trials for key, trials in fit.items() if trials < hours.trials}


def missing_device(config: SearchConfig) -> str | None:
    """Return why this machine cannot time trainings or run the search; None if it can."""
    if config.resources.gpus_per_trial and not torch.cuda.is_available():
        return (
            f"resources.gpus_per_trial is {config.resources.gpus_per_trial:g}, and torch sees no "
            "CUDA device here"
        )
    here = [this_machine()]
    if config.ray.address is None and not trial_slots(here, config.resources):
        return no_slot(here, config.resources)
    return None


def device_hours(
    config: SearchConfig,
    costs: StaticCosts,
    looked_at: SpaceCosts,
    on_progress: Callable[[str], None],
    effort: Effort = USUAL_EFFORT,
) -> DeviceHours:
    """Estimate the device-hours from the candidates with the least, median and most MACs.

    Each is trained for up to 20 steps of its proxy or 20 seconds, alone on this machine, after
    untimed steps; another effort times others, for longer or shorter. Between them, a trial's time
    is assumed to be linear in MACs. The front is assumed to have 10 members, which are trained
    again with other seeds. Call it only if :func:`missing_device` returns None.

    Args:
        config: the search's.
        costs: its space's.
        looked_at: the result of :func:`space_costs`, with an architecture within the limits.
        on_progress: called with what is being timed.
        effort: the candidates and their steps.

    Raises:
        DataError, ValueError: a training cannot be run.
        TrainingDiverged: a loss became infinite or not a number within the timed steps.
    """
    space, task = costs.space, costs.task
    order = np.argsort(looked_at.macs, kind="stable")
    places: dict[Rank, int] = {"least": 0, "median": len(order) // 2, "most": -1}
    picked = {which: order[places[which]] for which in effort.ranks}
    candidates = {which: space.decode(looked_at.vectors[row]) for which, row in picked.items()}
    on_progress("a first training step, which is not timed")
    assignment = proxy_assignment(config, task).with_images()  # read once, also for a search
    timed_steps(assignment, candidates[effort.ranks[0]], config.seed, 1)
    timed = []
    for number, (which, architecture) in enumerate(candidates.items(), start=1):
        on_progress(
            f"timing the architecture of the {which} MACs, {number} of {len(candidates)}: at most "
            f"{effort.steps} training steps or {effort.seconds:g} s"
        )
        times = timed_training(
            assignment,
            architecture,
            config.seed,
            most_steps=effort.steps,
            most_seconds=effort.seconds,
        )
        timed.append(
            TimedCandidate(
                which,
                architecture.arch_id,
                int(looked_at.macs[picked[which]]),
                *times,
            )
        )
    seconds = np.interp(looked_at.macs, [t.macs for t in timed], [t.trial_seconds for t in timed])
    mean_hours = float(seconds.mean()) / 3600
    trials = config.search.n_trials
    if looked_at.whole_space:
        trials = min(trials, len(looked_at.vectors))
    repeats = expected_repeats(config, trials)
    concurrency = _concurrency(config)
    share_of_epochs = config.most_epochs(trials) / (trials * config.proxy.epochs)
    trial_hours = trials * mean_hours * share_of_epochs
    hours = trial_hours + repeats * mean_hours
    return DeviceHours(
        tuple(timed),
        trials,
        trial_hours,
        repeats,
        repeats * mean_hours,
        hours * config.resources.gpus_per_trial,
        concurrency,
        None if concurrency is None else hours / concurrency,
    )


def expected_repeats(config: SearchConfig, trials: int) -> int:
    """Return how many trainings of finalists with other seeds are to be expected."""
    repeated = min(trials, FRONT_ASSUMED + config.search.noise_candidates)
    return repeated * (config.search.finalist_seeds - 1)


def _concurrency(config: SearchConfig) -> int | None:
    """Return the trials at the same time; None if only the cluster knows."""
    if config.ray.address is not None:
        return config.search.concurrency
    slots = trial_slots([this_machine()], config.resources)
    return min(config.search.concurrency or slots, slots)


def this_machine() -> Machine:
    """Return the CPUs and GPUs of this machine."""
    return Machine(os.cpu_count() or 1, torch.cuda.device_count())
