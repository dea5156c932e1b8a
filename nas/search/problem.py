"""The problem that a search solves, built once from a configuration or from a benchmark's table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from optuna.samplers import BaseSampler

from nas.config.latency import LatencyMetering
from nas.config.search_config import SearchConfig
from nas.config.sections import SchedulerSettings, SearchSettings
from nas.costs.latency_prediction import load_prediction
from nas.costs.limits import Limits, Rejections
from nas.costs.static_costs import StaticCosts
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.metrics import MAXIMISED
from nas.samplers import build_sampler
from nas.samplers.choice_space import ChoiceSpace, KnownCosts
from nas.samplers.trials import WarmStart
from nas.schedulers.protocol import FullLength, RungRule
from nas.schedulers.registry import rung_rule
from nas.zero_cost.source import NetworkScores
from search_space.architecture import Task
from search_space.space import SearchSpace

SamplerByNumber = Callable[[int], BaseSampler]
"""Maps a proposal's number to the sampler that makes it."""


@dataclass(frozen=True)
class SearchProblem:
    """A space with exact costs, the objectives and limits, and how it is searched."""

    seed: int
    space: ChoiceSpace
    costs: KnownCosts
    objectives: tuple[str, ...]
    compared: tuple[str, ...]  # the objectives compared at rungs, the accuracy first
    maximised: frozenset[str]  # the objectives of which more is better
    accuracy: str  # the metric that training improves
    cost_objective: str  # the cost that fronts show accuracy against
    epochs: int  # in a whole training; 0 for a table without curves
    recipe_id: str
    search: SearchSettings
    sampler_name: str
    build_sampler: Callable[[Rejections, WarmStart], SamplerByNumber]
    rungs: tuple[int, ...] = ()
    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    limits: Limits = field(default_factory=Limits)
    latency: LatencyMetering = field(default_factory=LatencyMetering)
    names: MetricNames = OF_ACCURACY
    answers_repeats: bool = False
    """Whether a foreign sampler that proposes an architecture again is told its result again, which
    costs nothing on a table; else that trial fails."""

    @property
    def pauses(self) -> bool:
        """Whether trials pause at rungs, and the best are promoted later."""
        return self.scheduler.pauses

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """The seeds of the finalists' repeats; the search's own is ``seed``."""
        return self.search.fresh_seeds(self.seed)

    def rule(self) -> RungRule:
        """Return a new rule that decides at the rungs."""
        if not self.rungs:
            return FullLength()
        return rung_rule(
            self.scheduler.type,
            self.rungs,
            self.scheduler.reduction_factor,
            deterministic=self.search.deterministic,
        )

    def most_epochs(self, trials: int) -> int:
        """Return the epochs of ``trials`` trials: exact, or with stopping an upper bound."""
        return self.scheduler.most_epochs(trials, self.epochs, self.rungs)


def space_of(config: SearchConfig) -> SearchSpace:
    """Return the space that a configuration's ``space`` describes.

    Raises:
        ConfigError: it describes no space.
    """
    return SearchSpace.from_mapping(config.space, f"search space of {config.name!r}")


def costs_of(
    config: SearchConfig, space: SearchSpace, task: Task, *, with_memory: bool = False
) -> StaticCosts:
    """Return the costs of a space's architectures on ``task``, as the limits name them.

    Args:
        config: the search's.
        space: its space.
        task: images and classes of the architectures.
        with_memory: include peak memory even if it is not limited. It is that of a step of the full
            training (``retrain``), not of the proxy.

    Raises:
        ConfigError: the latency table is damaged, or not for this search.
    """
    prediction = None
    if config.latency.table is not None:
        prediction = load_prediction(
            Path(config.latency.table),
            config.latency,
            space,
            task,
            measured_here=config.ray.address is None,
        )
    counts_memory = with_memory or config.limits.peak_memory_mb is not None
    batch_size = config.retrain.batch_size if counts_memory else None
    return StaticCosts(space, task, batch_size, prediction)


def problem_of(config: SearchConfig, costs: StaticCosts) -> SearchProblem:
    """Return the problem that a configuration describes.

    Args:
        config: the search's.
        costs: its space's, see :func:`costs_of`.
    """
    space = costs.space
    limits = config.limits.by_name(costs.names)

    def sampler(rejections: Rejections, warm_start: WarmStart) -> SamplerByNumber:
        return build_sampler(
            config.sampler.name,
            config.sampler.options,
            space,
            costs=costs,
            objectives=config.objectives,
            limits=limits,
            first=warm_start.first,
            earlier=warm_start.earlier,
            repeats=warm_start.repeats,
            seed=config.seed,
            rejections=rejections,
            score_source=NetworkScores(
                config.data, config.fidelity, config.proxy.pixels, seed=config.seed
            ),
        )

    return SearchProblem(
        seed=config.seed,
        space=space,
        costs=costs,
        objectives=config.objectives,
        compared=config.compared_objectives,
        maximised=frozenset(MAXIMISED),
        accuracy="val_accuracy",
        cost_objective=config.cost_objective,
        epochs=config.proxy.epochs,
        recipe_id=config.proxy_id,
        search=config.search,
        sampler_name=config.sampler.name,
        build_sampler=sampler,
        rungs=config.rungs,
        scheduler=config.scheduler,
        limits=config.limits,
        latency=config.latency,
        names=MetricNames(config.metric),
    )
