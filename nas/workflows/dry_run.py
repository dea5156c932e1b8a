"""What a search would cost, before it runs: its space's costs, what fits, and device-hours."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from nas.config.search_config import SearchConfig
from nas.config.trial_slots import Machine, no_slot, trial_slots
from nas.costs.static_costs import StaticCosts
from nas.errors import NothingFits
from nas.evaluation.evaluate import EvaluationResult, cached_splits, evaluate
from nas.metrics import whole_counts
from nas.quantities import format_quantity
from nas.random_streams import Stream, generator
from nas.workflows.image_fit import check_images
from search_space.architecture import Architecture, Task
from search_space.space import SearchSpace
from trainers import ImageSplits, Split

ALL_UP_TO = 5_000
"""Spaces up to this size are costed whole."""

SAMPLED = 10_000
"""Architectures drawn from a larger one, as ``SearchSpace.sample`` draws."""

TIMED_STEPS = 20
"""At most so many training steps are timed of a candidate, and scaled to an epoch."""

TIMED_SECONDS = 20.0
"""At most so long; but one step at least."""

FRONT_ASSUMED = 10
"""Members of the front that are trained with other seeds; how many there will be is not known."""


@dataclass(frozen=True)
class CostRange:
    """One cost over the architectures that were looked at."""

    least: float
    median: float
    most: float
    limit: float | None
    share_within: float  # of the limit; 1 without one


@dataclass(frozen=True)
class SpaceCosts:
    """The costs of a space's architectures, all or a sample.

    ``ranges`` is by cost; ``vectors`` and ``macs`` (int ``[N, P]``, float ``[N]``) are of those
    within all limits.
    """

    space: str
    size: int
    looked_at: int
    whole_space: bool
    ranges: dict[str, CostRange]
    share_within_all: float
    vectors: np.ndarray
    macs: np.ndarray


@dataclass(frozen=True)
class TimedCandidate:
    """A candidate whose proxy training was timed on this machine."""

    which: str  # least, median or most, by MACs, of those within the limits
    arch_id: str
    macs: int
    epoch_seconds: float  # scaled from the steps that were timed
    evaluation_seconds: float  # of all validation images
    trial_seconds: float


@dataclass(frozen=True)
class DeviceHours:
    """What the trainings of a search take together; trials that are stopped early take less."""

    timed: tuple[TimedCandidate, ...]
    trials: int
    trial_hours: float
    repeats: int  # other seeds of the front and of a random sample
    repeat_hours: float
    gpu_hours: float  # times the share of a GPU that a trial takes
    concurrency: int | None  # None: as many as the cluster holds
    wall_hours: float | None

    @property
    def hours(self) -> float:
        """Wall time of all trainings, one after another."""
        return self.trial_hours + self.repeat_hours


def space_costs(config: SearchConfig, costs: StaticCosts) -> SpaceCosts:
    """The costs of all architectures of a small space, or of a random sample.

    Raises:
        ConfigError: the latency table is not for this search, or an architecture cannot take
            the task's images.
    """
    check_images(costs.space, costs.task, seed=config.seed)
    vectors = _vectors(costs.space, generator(config.seed, Stream.DRY_RUN))
    columns = costs.columns(vectors)
    limits = config.limits.static(costs.names)
    fits = np.ones(len(vectors), dtype=bool)
    ranges = {}
    for name, column in zip(costs.names, columns.T, strict=True):
        limit = limits.get(name)
        within = np.ones(len(vectors), dtype=bool) if limit is None else column <= limit
        fits &= within
        least, median, most = _least_median_most(name, column)
        ranges[name] = CostRange(
            least,
            median,
            most,
            None if limit is None else whole_counts({name: limit})[name],
            float(within.mean()),
        )
    return SpaceCosts(
        costs.space.name,
        costs.space.size,
        len(vectors),
        costs.space.size <= ALL_UP_TO,
        ranges,
        float(fits.mean()),
        vectors[fits],
        columns[fits, costs.names.index("macs")],
    )


def _least_median_most(name: str, column: np.ndarray) -> list[float]:
    """Three of the column's own values; of an even number, the lower one in the middle."""
    values = np.quantile(column, [0, 0.5, 1], method="lower").tolist()
    return [whole_counts({name: value})[name] for value in values]


def check_fits(found: SpaceCosts, config: SearchConfig) -> None:
    """See that something is within the limits.

    Raises:
        NothingFits: with the smallest value of each limited cost.
    """
    if len(found.vectors):
        return
    smallest = ", ".join(
        f"the smallest {name} is {format_quantity(each.least)}"
        for name, each in found.ranges.items()
        if each.limit is not None
    )
    raise NothingFits(
        f"none of {found.looked_at:,} architectures of {found.space!r} fits the limits "
        f"({config.limits}): {smallest}"
    )


def missing_device(config: SearchConfig) -> str | None:
    """Why trainings cannot be timed on this machine, or a search run here; None if they can."""
    if config.resources.gpus_per_trial and not torch.cuda.is_available():
        return (
            f"resources.gpus_per_trial is {config.resources.gpus_per_trial:g}, and torch sees no "
            "CUDA device here"
        )
    here = [_this_machine()]
    if config.ray.address is None and not trial_slots(here, config.resources):
        return no_slot(here, config.resources)
    return None


def device_hours(
    config: SearchConfig,
    costs: StaticCosts,
    found: SpaceCosts,
    on_progress: Callable[[str], None],
) -> DeviceHours:
    """Expected device-hours, from the cheapest, median and dearest candidate by MACs.

    Each is trained for up to 20 steps of its proxy or 20 seconds, alone on this machine, after
    steps that are not timed; a trial's time is taken to be linear in MACs in between. Repeats count
    with 10 members on the front.

    Args:
        config: the search's.
        costs: of its space.
        found: what :func:`space_costs` gave, with something within the limits; and
            :func:`missing_device` said nothing.
        on_progress: told what is being timed.

    Raises:
        DataError, ValueError: a training cannot be run.
        TrainingDiverged: a loss became infinite or not a number within the timed steps.
    """
    space, task = costs.space, costs.task
    order = np.argsort(found.macs, kind="stable")
    picked = {"least": order[0], "median": order[len(order) // 2], "most": order[-1]}
    candidates = {which: space.decode(found.vectors[at]) for which, at in picked.items()}
    on_progress("a first training step, which is not timed")
    _timed_steps(config, task, candidates["least"], 1)
    timed = []
    for number, (which, architecture) in enumerate(candidates.items(), start=1):
        on_progress(
            f"timing the architecture of the {which} MACs, {number} of {len(candidates)}: at most "
            f"{TIMED_STEPS} training steps or {TIMED_SECONDS:g} s"
        )
        epoch, evaluation = _timed_training(config, task, architecture)
        points = -(-config.proxy.epochs // config.proxy.evaluate_every_epochs)
        timed.append(
            TimedCandidate(
                which,
                architecture.arch_id,
                int(found.macs[picked[which]]),
                epoch,
                evaluation,
                config.proxy.epochs * epoch + points * evaluation,
            )
        )
    seconds = np.interp(found.macs, [t.macs for t in timed], [t.trial_seconds for t in timed])
    mean_hours = float(seconds.mean()) / 3600
    trials = config.search.n_trials
    if found.whole_space:
        trials = min(trials, len(found.vectors))
    repeated = min(trials, FRONT_ASSUMED + config.search.noise_candidates)
    repeats = repeated * (config.search.finalist_seeds - 1)
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


def _vectors(space: SearchSpace, rng: np.random.Generator) -> np.ndarray:
    """Integers ``[N, P]``, of all architectures or a sample."""
    if space.size <= ALL_UP_TO:
        return np.array([space.encode(each) for each in space.architectures()])
    walks = [space.walk(lambda p: int(rng.integers(len(p.choices)))) for _ in range(SAMPLED)]
    return np.array(walks)


def _timed_training(
    config: SearchConfig, task: Task, architecture: Architecture
) -> tuple[float, float]:
    """Seconds of an epoch's training, and of an evaluation.

    A single step tells how many fit into the time for a candidate; then as many are timed.
    """
    began = time.perf_counter()
    found = _timed_steps(config, task, architecture, 1)
    steps = min(TIMED_STEPS, int(TIMED_SECONDS / (time.perf_counter() - began)))
    return _timed_steps(config, task, architecture, steps) if steps > 1 else found


def _timed_steps(
    config: SearchConfig, task: Task, architecture: Architecture, steps: int
) -> tuple[float, float]:
    """Seconds of an epoch's training, and of an evaluation, scaled from so many steps of each."""
    device = "cuda" if config.resources.gpus_per_trial else "cpu"
    splits = cached_splits(config.data, device, config.fidelity)
    few = _few_images(splits, steps * config.proxy.batch_size)
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, int(config.resources.cpus_per_trial)))
    try:
        network = config.fidelity.network(architecture)
        recipe = config.proxy.model_copy(update={"epochs": 1})
        started = time.perf_counter()
        training = evaluate(
            network,
            few,
            config.fidelity.task(task),
            recipe,
            seed=config.seed,
            device=device,
            metric=config.metric,
        )
        result = next(training)
        total = time.perf_counter() - started
    finally:
        torch.set_num_threads(threads)
    assert isinstance(result, EvaluationResult)  # one epoch has no points before its end
    epoch = result.device_seconds * len(splits.train) / len(few.train)
    evaluation = (total - result.device_seconds) * len(splits.validation) / len(few.validation)
    return epoch, evaluation


def _few_images(splits: ImageSplits, images: int) -> ImageSplits:
    """At most so many of the train and of the validation images."""

    def first(split: Split) -> Split:
        return Split(split.images[:images], split.labels[:images])

    return replace(splits, train=first(splits.train), validation=first(splits.validation))


def _concurrency(config: SearchConfig) -> int | None:
    """Trials at once; None where only the cluster knows."""
    if config.ray.address is not None:
        return config.search.concurrency
    slots = trial_slots([_this_machine()], config.resources)
    return min(config.search.concurrency or slots, slots)


def _this_machine() -> Machine:
    return Machine(os.cpu_count() or 1, torch.cuda.device_count())
