"""Check before full trainings that the recipe fits the data, the networks and the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nas.config.search_config import SearchConfig
from nas.config.trial_slots import trial_slots
from nas.evaluation.accuracy_metric import task_problem
from nas.workflows.checks import SearchData, augmentation_problems
from nas.workflows.timing.device_hours import this_machine
from search_space.architecture import Architecture
from search_space.cost import network_costs
from search_space.families import check_zero_init
from search_space.yaml_validation import ConfigError
from trainers.batches.sizes import BatchSizes
from trainers.precision import resolve_precision


def check_full_recipe(
    config: SearchConfig, data: SearchData, architectures: Sequence[Architecture]
) -> None:
    """Check that networks can be trained in full by a configuration's ``retrain``.

    Args:
        config: of the run; its ``retrain`` is the recipe.
        data: the task and the numbers of images; reading them checked the recipe's `pixels`.
        architectures: of the networks.

    Raises:
        ConfigError: with every problem, each with the recipe's key.
    """
    problems = [
        *_problems_of_images(config, data),
        *_problems_of_device(config),
        *_problems_of_workers(config, data),
        *(
            line
            for each in dict.fromkeys(architectures)
            for line in _problems_of(each, config, data)
        ),
    ]
    if problems:
        name = data.task.dataset
        raise ConfigError(f"the recipe of full trainings on {name!r}", problems)


def _problems_of_images(config: SearchConfig, data: SearchData) -> Iterator[str]:
    recipe, (_, height, width) = config.retrain, data.task.input_shape
    yield from augmentation_problems(recipe, "recipe", data.task)
    padding = recipe.augmentation.crop_padding_pixels
    if padding >= min(height, width):
        yield (
            "recipe.augmentation.crop_padding_pixels must be below the images' sides, got "
            f"{padding} for {height} x {width} pixels"
        )
    if recipe.batch_size > data.train:
        yield (
            f"recipe.batch_size must be at most the number of train images, {data.train:,}, got "
            f"{recipe.batch_size:,}"
        )


def _problems_of_device(config: SearchConfig) -> Iterator[str]:
    try:
        # whether a GPU has bfloat16 is known on the machine that has it
        resolve_precision(
            config.retrain.precision,
            device_type=config.resources.device_type,
            cuda_has_bfloat16=True,
        )
    except ValueError as error:
        yield f"recipe.precision: {error}"


def _problems_of_workers(config: SearchConfig, data: SearchData) -> Iterator[str]:
    workers, groups = (
        config.resources.workers_per_training,
        BatchSizes.of(config.retrain, data.train).groups,
    )
    if workers > groups:
        yield (
            f"resources.workers_per_training={workers} processes share a batch of {groups} "
            "normalisation groups: set at most as many, or a smaller recipe.normalization_images"
        )
    if config.ray.address is None and workers > 1:
        machine = this_machine()
        slots = trial_slots([machine], config.resources)
        if workers > slots:
            yield (
                f"resources.workers_per_training={workers} processes need "
                f"{config.resources.cpus_per_trial:g} CPUs and "
                f"{config.resources.gpus_per_trial:g} GPUs each; this machine has "
                f"{machine.cpus:g} CPUs and {machine.gpus:g} GPUs"
            )


def _problems_of(
    architecture: Architecture, config: SearchConfig, data: SearchData
) -> Iterator[str]:
    detects = architecture.detector is not None
    whose = f"a {'detector' if detects else 'classifier'}"
    if (problem := task_problem(config.metric, detects=detects, whose=whose)) is not None:
        yield f"network {architecture.arch_id}: {problem}"
        return
    try:
        network_costs(architecture, data.task)
        if config.retrain.zero_init_residual:
            check_zero_init(architecture.family, "recipe.zero_init_residual")
    except ValueError as error:
        yield f"network {architecture.arch_id}: {error}"
