"""What the commands have in common: a run's data, task and workers' assignment."""

from __future__ import annotations

from typing import NamedTuple

from nas.config.search_config import SearchConfig
from nas.costs.latency_prediction import hardware_of
from nas.costs.limits import Rejections
from nas.costs.static_costs import StaticCosts
from nas.evaluation.assignment import Assignment
from nas.evaluation.evaluate import task_of
from nas.evaluation.fidelity import FULL, Fidelity
from nas.random_streams import Stream, generator
from nas.samplers import RandomSampler
from nas.samplers.trials import NO_WARM_START
from nas.search.problem import SearchProblem, problem_of
from nas.workflows.image_fit import check_images
from search_space.architecture import Task
from search_space.cost import network_costs
from search_space.yaml_validation import ConfigError
from trainers import Recipe, load_splits

PROXIES_CHECKED = 500
"""Architectures drawn to see, before a search starts, that they have proxies."""


class SearchData(NamedTuple):
    """What a search's data are; how many images each part has."""

    task: Task
    train: int
    validation: int
    test: int

    def __str__(self) -> str:
        channels, height, width = self.task.input_shape
        colours = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
        return (
            f"data {self.task.dataset}: {self.task.classes} classes, {colours} images of "
            f"{height} x {width} pixels; {self.train:,} to train, {self.validation:,} to validate, "
            f"{self.test:,} to test"
        )


def load_data(config: SearchConfig) -> SearchData:
    """Read a search's data.

    Raises:
        DataError: they cannot be read, split, or reduced to the proxy's fidelity.
    """
    splits = load_splits(config.data)
    config.fidelity.splits(splits, config.data.split_seed)
    sizes = (len(part) for part in (splits.train, splits.validation, splits.test))
    return SearchData(task_of(config.data, splits), *sizes)


def load_task(config: SearchConfig) -> Task:
    """The task of a search, by reading its data; raises what :func:`load_data` raises."""
    return load_data(config).task


def proxy_assignment(config: SearchConfig, task: Task) -> Assignment:
    """What workers need to evaluate candidates."""
    return _assignment(config, task, config.proxy, config.fidelity)


def retrain_assignment(config: SearchConfig, task: Task) -> Assignment:
    """What workers need to train in full."""
    return _assignment(config, task, config.retrain, FULL)


def _assignment(config: SearchConfig, task: Task, recipe: Recipe, fidelity: Fidelity) -> Assignment:
    return Assignment(
        data=config.data,
        task=task,
        recipe=recipe,
        metric=config.metric,
        device="cuda" if config.resources.gpus_per_trial else "cpu",
        threads=max(1, int(config.resources.cpus_per_trial)),
        fidelity=fidelity,
    )


def checked_problem(config: SearchConfig, costs: StaticCosts) -> SearchProblem:
    """The problem of a configuration, of which it is seen first that it can be searched.

    Args:
        config: the search's.
        costs: of its space.

    Raises:
        ConfigError: no such sampler, or an option that it does not take; no such device to
            measure latency on, where that is this machine's; networks that cannot take the task's
            images, or be made at the proxy's fidelity.
        NothingFits: no architecture fits the static limits.
    """
    check_images(costs.space, costs.task, seed=config.seed)
    if config.uses_latency and config.ray.address is None:
        hardware_of(config.latency)
    limits = config.limits.static(costs.names)
    problem = problem_of(config, costs)
    problem.build_sampler(Rejections(), NO_WARM_START)
    rng = generator(config.seed, Stream.CHECKED_LIMITS)
    RandomSampler(costs.space, costs=costs, limits=limits).draw(set(), rng)
    _check_fidelity(config, costs)
    return problem


def _check_fidelity(config: SearchConfig, costs: StaticCosts) -> None:
    """See that a sample of the space's architectures within the limits has proxies.

    Raises:
        ConfigError: some have none, with how many, and why the first one has not.
    """
    fidelity, space = config.fidelity, costs.space
    if fidelity.width is None and fidelity.resolution is None:
        return
    rng = generator(config.seed, Stream.CHECKED_PROXIES)
    sample = dict.fromkeys(space.sample(rng) for _ in range(PROXIES_CHECKED))
    fitting = [a for a in sample if not config.limits.static_violations(costs.of(a))]
    problems = []
    for architecture in fitting:
        try:
            network_costs(fidelity.network(architecture), fidelity.task(costs.task))
        except ValueError as error:
            problems.append(f"{architecture}: {error}")
    if problems:
        raise ConfigError(
            f"fidelity ({fidelity})",
            [
                f"{len(problems)} of {len(fitting)} architectures drawn from {space.name!r} cannot "
                f"be made so; the first, {problems[0]}"
            ],
        )
