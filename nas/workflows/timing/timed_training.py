"""Trainings that are timed on this machine, a few steps each."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import torch

from nas.evaluation.assignment import Assignment
from nas.evaluation.evaluate import EvaluationResult, evaluate
from search_space.architecture import Architecture
from trainers import AnySplit, ImageSplits

TIMED_STEPS = 20
"""Training steps timed for each network, at most; their time is scaled to an epoch."""

TIMED_SECONDS = 20.0
"""Seconds timed for each network, at most, but at least one step."""


class TrainingTime(NamedTuple):
    """The time of a training, scaled from a few steps of it. Unit: seconds."""

    epoch_seconds: float
    evaluation_seconds: float  # of all validation images
    training_seconds: float


def timed_training(
    assignment: Assignment,
    architecture: Architecture,
    seed: int,
    *,
    most_steps: int = TIMED_STEPS,
    most_seconds: float = TIMED_SECONDS,
) -> TrainingTime:
    """Time an architecture's training on this machine.

    A single step shows how many steps fit into the time for a network; then so many are timed.

    Args:
        assignment: the data, recipe and device.
        architecture: at full fidelity.
        seed: of the training.
        most_steps: that are timed.
        most_seconds: that they take, but at least one step is timed.

    Raises:
        DataError, ValueError: the training cannot be run.
        TrainingDiverged: a loss became infinite or not a number within the timed steps.
    """
    began = time.perf_counter()
    timed = timed_steps(assignment, architecture, seed, 1)
    steps = min(most_steps, int(most_seconds / (time.perf_counter() - began)))
    return timed_steps(assignment, architecture, seed, steps) if steps > 1 else timed


def timed_steps(
    assignment: Assignment, architecture: Architecture, seed: int, steps: int
) -> TrainingTime:
    """Time so many steps of an architecture's training; see :func:`timed_training`."""
    splits = assignment.splits()
    few = _few_images(splits, steps * assignment.recipe.batch_size)
    threads = torch.get_num_threads()
    torch.set_num_threads(assignment.threads)
    try:
        started = time.perf_counter()
        training = evaluate(
            assignment.fidelity.network(architecture),
            few,
            assignment.fidelity.task(assignment.task),
            assignment.recipe.model_copy(update={"epochs": 1}),
            seed=seed,
            device=assignment.device,
            metric=assignment.metric,
        )
        result = next(training)
        total = time.perf_counter() - started
    finally:
        torch.set_num_threads(threads)
    assert isinstance(result, EvaluationResult)  # one epoch has no points before its end
    epoch = result.device_seconds * len(splits.train) / len(few.train)
    evaluation = (total - result.device_seconds) * len(splits.validation) / len(few.validation)
    points = -(-assignment.recipe.epochs // assignment.recipe.evaluate_every_epochs)
    return TrainingTime(epoch, evaluation, assignment.recipe.epochs * epoch + points * evaluation)


def _few_images(splits: ImageSplits, images: int) -> ImageSplits:
    """Return the first ``images`` training images and validation images."""

    def first(split: AnySplit) -> AnySplit:
        return split.rows(torch.arange(min(images, len(split))))

    return replace(splits, train=first(splits.train), validation=first(splits.validation))
