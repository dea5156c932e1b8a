"""The time of a full training on this machine, scaled from a few steps of it."""

from __future__ import annotations

from nas.config.search_config import SearchConfig
from nas.config.trial_slots import trial_slots
from nas.errors import CommandError
from nas.workflows.checks import SearchData, retrain_assignment
from nas.workflows.timing.device_hours import this_machine
from nas.workflows.timing.timed_training import timed_training
from search_space.architecture import Architecture
from trainers import TrainingDiverged


def full_training_seconds(
    config: SearchConfig, architecture: Architecture, data: SearchData
) -> float:
    """Return the seconds of a full training on this machine.

    Several processes of one training are taken to share it evenly. Call it only if
    :func:`nas.workflows.timing.device_hours.missing_device` returns None.

    Args:
        config: of the run, with the recipe to train by.
        architecture: the network.
        data: of the run.

    Raises:
        DataError, ValueError: the training cannot be run.
        CommandError: its loss became infinite or not a number within the timed steps.
    """
    assignment = retrain_assignment(config.replace(retrain_data="train"), data.task)
    try:
        times = timed_training(assignment, architecture, config.seed)
    except TrainingDiverged as error:
        raise CommandError(
            f"network {architecture.arch_id} diverges in its first training steps: {error}. A "
            "lower recipe.learning_rate or a longer warm-up (recipe.schedule) helps"
        ) from error
    seconds = times.training_seconds
    if config.retrain_data == "train+validation":
        # there are more steps in an epoch, and nothing is left to validate on
        images = (data.train + data.validation) / data.train
        seconds = config.retrain.epochs * times.epoch_seconds * images
    return seconds / config.resources.workers_per_training


def trainings_at_once(config: SearchConfig) -> int | None:
    """Return the full trainings at the same time here; None if only the cluster knows."""
    if config.ray.address is not None:
        return None
    slots = trial_slots([this_machine()], config.resources)
    return max(1, slots // config.resources.workers_per_training)
