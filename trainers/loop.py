"""A whole training run in one call, with checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from trainers.checkpoint import load_checkpoint, save_checkpoint
from trainers.data.dataset import ImageSplits
from trainers.errors import CheckpointError, TrainingDiverged
from trainers.metrics import Metrics
from trainers.recipe import Recipe
from trainers.result import EpochResult, TrainingResult
from trainers.training import Training


def train(
    model: nn.Module,
    splits: ImageSplits,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    evaluate_on: Literal["validation", "none"] = "validation",
    evaluate_test: bool = False,
    on_epoch: Callable[[EpochResult], None] | None = None,
    checkpoint: Path | None = None,
    checkpoint_every_epochs: int = 1,
) -> TrainingResult:
    """Train ``model`` to the end of the recipe; see :class:`trainers.training.Training`.

    Afterwards the model holds what was evaluated: the averaged weights, if the recipe asks for
    them, with recalibrated batch normalisation, in evaluation mode.

    Args:
        model: maps images [B, C, H, W] to logits [B, classes]; changed in place.
        splits: the images.
        recipe: how to train.
        seed: 0 or more.
        device: such as "cpu" or "cuda".
        evaluate_on: "none" leaves the validation split alone; ``metrics`` is then None.
        evaluate_test: also measure the test split, once, at the end.
        on_epoch: called after each epoch of this call (not for those before resuming).
        checkpoint: the run's file. If it exists the run goes on from it.
        checkpoint_every_epochs: epochs between writing it; it is always written at the end.

    Raises:
        TrainingDiverged: with the result so far as its ``result``.
        CheckpointError: the file is damaged, of another run, or cannot be written.
        DataError, ValueError: see :class:`trainers.training.Training`.
    """
    if checkpoint_every_epochs < 1:
        raise ValueError(
            f"checkpoint_every_epochs must be 1 or more, got {checkpoint_every_epochs}"
        )
    training = Training(model, splits, recipe, seed=seed, device=device, evaluate_on=evaluate_on)
    if checkpoint is not None and checkpoint.exists():
        state = load_checkpoint(checkpoint)
        try:
            training.load_state_dict(state)
        except CheckpointError as error:
            raise CheckpointError(f"cannot resume from {checkpoint}: {error}") from error
    while not training.done:
        try:
            epoch_result = training.run_epoch()
        except TrainingDiverged as error:
            error.result = _result(training, metrics=None, diverged=True)
            raise
        is_due = training.epoch % checkpoint_every_epochs == 0 or training.done
        if checkpoint is not None and is_due:
            save_checkpoint(checkpoint, training.state_dict())
        if on_epoch is not None:
            on_epoch(epoch_result)
    result = _result(
        training,
        metrics=training.curve[-1].validation,
        test_metrics=training.evaluate("test") if evaluate_test else None,
    )
    model.load_state_dict(training.evaluated_model().state_dict())
    model.eval()
    return result


def _result(
    training: Training,
    *,
    metrics: Metrics | None,
    test_metrics: Metrics | None = None,
    diverged: bool = False,
) -> TrainingResult:
    return TrainingResult(
        metrics=metrics,
        curve=training.curve,
        train_seconds=sum(result.train_seconds for result in training.curve),
        precision=training.precision,
        diverged=diverged,
        test_metrics=test_metrics,
    )
