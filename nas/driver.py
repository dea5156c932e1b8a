"""What the commands have in common: a run's data, task and workers' assignment."""

from __future__ import annotations

from functools import partial

import numpy as np

from nas.config import SearchConfig
from nas.constraints import Rejections
from nas.evaluate import task_of
from nas.ray.trainable import Assignment
from nas.samplers import RandomSampler, build_sampler
from search_space.architecture import Task
from search_space.cost import network_costs
from trainers import Recipe, load_splits


def load_task(config: SearchConfig) -> Task:
    """The task of a search, by reading its data.

    Raises:
        DataError: the data cannot be read or split.
    """
    return task_of(config.data, load_splits(config.data))


def assignment_of(config: SearchConfig, task: Task, recipe: Recipe) -> Assignment:
    """What workers need to train by ``recipe``."""
    return Assignment(
        data=config.data,
        task=task,
        recipe=recipe,
        metric=config.metric,
        device="cuda" if config.resources.gpus_per_trial else "cpu",
        threads=max(1, int(config.resources.cpus_per_trial)),
    )


def check_search(config: SearchConfig, task: Task) -> None:
    """See before anything is started that the space has what the search needs.

    Raises:
        DescriptionError: no such sampler, or an option that it does not take.
        NothingFits: no architecture fits the static limits.
        ValueError: a stem that cannot take the task's images.
    """
    space = config.search_space()
    costs = partial(network_costs, task=task)
    build_sampler(
        config.sampler.name,
        config.sampler.options,
        space,
        costs=costs,
        limits=config.limits,
        seed=config.seed,
        rejections=Rejections(),
    )
    rng = np.random.default_rng([config.seed, 0])
    sampler = RandomSampler(space, costs=costs, limits=config.limits, seed=config.seed)
    sampler.draw(set(), rng)
