"""Checks of a search before it starts, its data and its workers' assignments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from nas.config.search_config import SearchConfig
from nas.costs.latency_prediction import hardware_of
from nas.costs.limits import Rejections
from nas.costs.static_costs import StaticCosts
from nas.evaluation.accuracy_metric import TrainOn, task_problem
from nas.evaluation.assignment import Assignment
from nas.evaluation.evaluate import task_of
from nas.evaluation.fidelity import FULL, Fidelity
from nas.random_streams import Stream, generator
from nas.samplers import RandomSampler
from nas.samplers.trials import NO_WARM_START
from nas.search.problem import SearchProblem, problem_of
from nas.storage.provenance import images_id
from nas.workflows.image_fit import check_images
from search_space.architecture import Task
from search_space.cost import network_costs
from search_space.yaml_validation import ConfigError
from trainers import Recipe, check_pixels, initial_statistics_warning, load_splits

PROXIES_CHECKED = 500
"""Architectures drawn to check, before a search starts, that they have proxies."""


class SearchData(NamedTuple):
    """A search's task, and the number of images in each part of its data."""

    task: Task
    train: int
    validation: int
    test: int
    fingerprint: str = ""  # of the images
    images_id: str = ""  # of the images and their split, see nas.storage.provenance
    decoding: str = ""  # when they are decoded
    warnings: tuple[str, ...] = ()  # what of the data is left out; of the recipes on them

    def trained_on(self, images: TrainOn) -> int:
        """Return the number of images that a full training trains on."""
        return self.train + (self.validation if images == "train+validation" else 0)

    def __str__(self) -> str:
        channels, height, width = self.task.input_shape
        colours = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
        return (
            f"data {self.task.dataset}: {self.task.classes} classes, {colours} images of "
            f"{height} x {width} pixels; {self.train:,} to train, {self.validation:,} to validate, "
            f"{self.test:,} to test; {self.decoding}"
        )


def load_data(config: SearchConfig) -> SearchData:
    """Read a search's data.

    Raises:
        ConfigError: the metric is not one of these data.
        DataError: the data cannot be read, split, or reduced to the proxy's fidelity, or do not
            fit a recipe.
    """
    splits = load_splits(config.data, config.proxy.pixels)
    labels = "objects in boxes" if splits.has_objects else "a label for each image"
    problem = task_problem(
        config.metric, detects=splits.has_objects, whose=f"a data set with {labels}"
    )
    if problem is not None:
        raise ConfigError(f"data set {splits.name!r}", [problem])
    proxy = config.fidelity.splits(splits, config.data.split_seed)
    check_pixels(config.data, splits, config.retrain.pixels)
    train, validation, test = map(len, (splits.train, splits.validation, splits.test))
    in_full = train + (validation if config.retrain_data == "train+validation" else 0)
    warnings = {
        "proxy": initial_statistics_warning(config.proxy, len(proxy.train)),
        "retrain": initial_statistics_warning(config.retrain, in_full),
    }
    task = task_of(config.data, splits)
    return SearchData(
        task,
        train,
        validation,
        test,
        splits.fingerprint,
        images_id(config.data, task, splits.fingerprint),
        splits.decoding,
        (
            *(f"data: {line}" for line in splits.left_out),
            *(f"{section}: {warning}" for section, warning in warnings.items() if warning),
        ),
    )


def load_task(config: SearchConfig) -> Task:
    """Read a search's data and return its task; raises what :func:`load_data` raises."""
    return load_data(config).task


def proxy_assignment(config: SearchConfig, task: Task) -> Assignment:
    """Return what workers need to evaluate candidates by proxies."""
    return _assignment(config, task, config.proxy, fidelity=config.fidelity)


def retrain_assignment(config: SearchConfig, task: Task) -> Assignment:
    """Return what workers need to train in full."""
    return _assignment(config, task, config.retrain, train_on=config.retrain_data)


def _assignment(
    config: SearchConfig,
    task: Task,
    recipe: Recipe,
    *,
    fidelity: Fidelity = FULL,
    train_on: TrainOn = "train",
) -> Assignment:
    return Assignment(
        data=config.data,
        task=task,
        recipe=recipe,
        metric=config.metric,
        device=config.resources.device_type,
        threads=config.resources.threads,
        fidelity=fidelity,
        train_on=train_on,
    )


def checked_problem(config: SearchConfig, costs: StaticCosts) -> SearchProblem:
    """Check that a configuration can be searched, and return its problem.

    Args:
        config: the search's.
        costs: its space's.

    Raises:
        ConfigError: the sampler or one of its options is unknown; this
            machine lacks the device to measure latency on; networks cannot take the task's images,
            or have no proxy of the given fidelity; a recipe augments colours of grey images.
        NothingFits: no architecture fits the static limits.
    """
    check_images(costs.space, costs.task, seed=config.seed)
    _check_augmentation(config, costs.task)
    if config.uses_latency and config.ray.address is None:
        hardware_of(config.latency)
    limits = config.limits.static(costs.names)
    problem = problem_of(config, costs)
    problem.build_sampler(Rejections(), NO_WARM_START)
    rng = generator(config.seed, Stream.CHECKED_LIMITS)
    RandomSampler(costs.space, costs=costs, limits=limits).draw(set(), rng)
    _check_fidelity(config, costs)
    return problem


def augmentation_problems(recipe: Recipe, key: str, task: Task) -> Iterator[str]:
    """Yield why a recipe's augmentation is not defined for a task's images, after its key."""
    try:
        recipe.augmentation.check_fits(task.input_shape[0])
    except ValueError as error:
        yield f"{key}.{error}"


def _check_augmentation(config: SearchConfig, task: Task) -> None:
    """Check that both recipes' augmentation is defined for the task's images.

    Raises:
        ConfigError: one's is not.
    """
    problems = [
        *augmentation_problems(config.proxy, "proxy", task),
        *augmentation_problems(config.retrain, "retrain", task),
    ]
    if problems:
        raise ConfigError(f"the recipes on {task.dataset!r}", problems)


def _check_fidelity(config: SearchConfig, costs: StaticCosts) -> None:
    """Check that a sample of the space's architectures within the limits has proxies.

    Raises:
        ConfigError: some have none; the message says how many, and why the first has none.
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
