"""One training run, step by step.

Everything random derives from the seed and its place: the order of images from the epoch, an
image's augmentation from the epoch and the image, a group's mixing and dropout from the step and
the group. So a run can stop and go on after any step with the same bits as without a break (on
a CPU; CUDA has kernels that add in any order), stores no generator's state, and leaves the caller's
generators as they were.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import nn

from trainers.batches.batches import Batches
from trainers.checkpoints.checkpoint import UNPICKLING_ERRORS
from trainers.checkpoints.resume import check_identity, check_weights, copied, run_identity
from trainers.data.splits.dataset import ImageSplits
from trainers.distributed.agreement import check_agreement
from trainers.distributed.ranks import Ranks
from trainers.epoch_progress import EpochProgress
from trainers.errors import (
    CheckpointError,
    DataError,
    TrainingDiverged,
    lost_loaders_named,
)
from trainers.evaluation.evaluator import Evaluator, SplitName
from trainers.execution import choose_execution
from trainers.normalization.batch_norm import set_batch_norm
from trainers.optimization.learning_rate import learning_rate_at
from trainers.optimization.step import TrainingStep
from trainers.precision import autocast
from trainers.randomness import Stream, checked_seed, derived_seed, seeded
from trainers.recipe import Recipe, Weights
from trainers.result import EpochResult
from trainers.stopwatch import Stopwatch
from trainers.tasks.choice import task_of_training
from trainers.tasks.task import TaskMetrics, TaskReport


class Training:
    """One run, whose caller decides after each epoch, or some steps, whether it goes on.

    Args:
        model: maps images [B, C, H, W] to logits [B, classes], or is a
            :class:`trainers.tasks.detection.detection.Detector` where the images have objects;
            already initialised. It is moved to ``device`` and trained in place.
        splits: the images; those in memory are moved to ``device`` whole.
        recipe: how to train.
        seed: 0 or more; decides order, augmentation and dropout, not the initial weights.
        device: such as "cpu" or "cuda".
        evaluate_on: "validation" adds validation metrics to the curve; "none" never looks at it.
        groups_at_once: normalisation groups that pass through the network at the same time, at
            most; None for all of a batch. It changes nothing but memory, time and rounding.
        process_group: of ``torch.distributed``, the processes that train together, each of which
            has part of every batch's normalisation groups and makes the same calls; None for this
            process alone. Their number changes nothing but time and rounding.
        stopwatch: measures the parts of :data:`trainers.stopwatch.TrainingPart`; None: its own.

    Attributes:
        epoch: finished epochs.
        curve: their results, also of those before :meth:`load_state_dict`.
        execution: what the recipe's settings came to on the device.

    Raises:
        DataError: fewer than two train images, no validation images to evaluate on, or a detector
            for images without objects, or the other way round.
        RanksDiffer: the processes have other data, recipes or weights, or there are more of them
            than groups in a batch.
        ValueError: no trainable parameter, a negative seed, or a precision that the device lacks.
    """

    def __init__(
        self,
        model: nn.Module,
        splits: ImageSplits,
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device | str = "cpu",
        evaluate_on: Literal["validation", "none"] = "validation",
        groups_at_once: int | None = None,
        process_group: dist.ProcessGroup | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        if len(splits.train) < 2:
            raise DataError(
                f"data set {splits.name!r}: training needs 2 images or more, got "
                f"{len(splits.train)}"
            )
        if evaluate_on not in ("validation", "none"):
            raise ValueError(f"evaluate_on must be 'validation' or 'none', got {evaluate_on!r}")
        if evaluate_on == "validation" and not len(splits.validation):
            raise DataError(
                f"data set {splits.name!r} has no validation images: set validation_images, or "
                "evaluate_on='none'"
            )
        self.recipe = recipe
        self.seed = checked_seed(seed)
        self.device = torch.device(device)
        self.execution = choose_execution(recipe, self.device)
        self.epoch = 0
        self.curve: tuple[EpochResult, ...] = ()
        self.model = model.to(self.device)
        set_batch_norm(self.model, recipe.batch_norm)
        if self.execution.channels_last:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._splits = splits.to(self.device)
        self._evaluate_on = evaluate_on
        self._identity = run_identity(
            recipe,
            splits,
            seed=self.seed,
            precision=self.execution.precision,
            evaluate_on=evaluate_on,
        )
        if process_group is not None and self.device.index is not None:
            torch.cuda.set_device(self.device)  # NCCL sends plain values by the current device
        self._ranks = Ranks(process_group)
        self._stopwatch = stopwatch or Stopwatch()
        self._batches = Batches(
            self._splits,
            recipe,
            seed=self.seed,
            device=self.device,
            channels_last=self.execution.channels_last,
            ranks=self._ranks,
            stopwatch=self._stopwatch,
        )
        check_agreement(self._ranks, self._batches.groups, self._identity, self.model)
        task = task_of_training(self.model, splits, recipe, self.device)
        self._step = TrainingStep(
            self.model,
            recipe,
            seed=self.seed,
            execution=self.execution,
            groups=self._batches.groups,
            task=task,
            ranks=self._ranks,
            groups_at_once=groups_at_once,
        )
        self._evaluator = Evaluator(
            self.model,
            self._splits,
            recipe,
            self._batches,
            task,
            self._ranks,
            seed=self.seed,
            device=self.device,
            autocast=partial(autocast, self.execution.precision, self.device),
        )
        self._progress = EpochProgress()
        self._stream: Iterator[tuple[torch.Tensor, torch.Tensor]] | None = None
        self._broken = False

    @property
    def groups_at_once(self) -> int:
        """The number of normalisation groups that pass through the network at the same time."""
        return self._step.groups_at_once

    @property
    def weights_beside(self) -> Weights | None:
        """The weights that do not count, with an average of weights; None without."""
        return self._evaluator.beside

    @property
    def done(self) -> bool:
        """Whether all epochs of the recipe are finished."""
        return self.epoch >= self.recipe.epochs

    @property
    def steps_per_epoch(self) -> int:
        """The number of steps of an epoch."""
        return self._batches.steps_per_epoch

    @property
    def step(self) -> int:
        """The number of finished steps of the whole run."""
        return self.epoch * self.steps_per_epoch + self._progress.steps

    @property
    def batch_size(self) -> int:
        """Images of a step, in all processes."""
        return self._batches.batch_size

    @property
    def train_seconds(self) -> float:
        """The time of all training steps, without evaluations."""
        return sum(point.train_seconds for point in self.curve) + self._progress.seconds

    @property
    def waited_seconds(self) -> float:
        """The part of ``train_seconds`` that was spent reading images or waiting for them."""
        return sum(point.waited_seconds for point in self.curve) + self._progress.waited_seconds

    def run_epoch(self) -> EpochResult:
        """Train one epoch, or the rest of one; evaluate it when it is due.

        Raises:
            As :meth:`run_steps`.
        """
        result = self.run_steps(self.steps_per_epoch)
        assert result is not None  # an epoch has no more steps
        return result

    def run_steps(self, steps: int) -> EpochResult | None:
        """Train some steps, at most to the epoch's end; there, evaluate it when it is due.

        Args:
            steps: at most so many, 1 or more.

        Returns:
            the epoch's result at its end; None before.

        Raises:
            TrainingDiverged: a loss is not finite. The run cannot go on or be saved after it, nor
                after any other exception in the middle of a step.
            DataError, LoaderLost: an image cannot be decoded.
            MemoryShort: a normalisation group does not fit in the device's memory.
            ValueError: the model's output is not the task's.
            RuntimeError: all epochs are finished, or an earlier step broke off.
        """
        if self.done:
            raise RuntimeError(f"all {self.recipe.epochs} epochs are finished")
        self._check_unbroken()
        self._broken = True
        with (
            self._stopwatch.measuring("training"),
            lost_loaders_named(),
            seeded(derived_seed(self.seed, Stream.TRAINING), self.device),
        ):
            self._train(min(steps, self.steps_per_epoch - self._progress.steps))
        ended = self._progress.steps == self.steps_per_epoch
        with self._stopwatch.measuring("evaluation"), lost_loaders_named():
            result = self._end_epoch() if ended else None
        self._broken = False
        return result

    def evaluate(self, split: SplitName) -> TaskMetrics:
        """Return metrics on all images of a split, not augmented; training is not affected.

        Raises:
            DataError: the split has no images.
            RuntimeError: a step broke off.
        """
        return self.report(split).metrics

    def report(self, split: SplitName) -> TaskReport:
        """Return what :meth:`evaluate` measures, with every class's results.

        Raises:
            DataError: the split has no images.
            RuntimeError: a step broke off.
        """
        self._check_unbroken()
        with self._stopwatch.measuring("evaluation"), lost_loaders_named():
            return self._evaluator.report(split)

    def evaluated_model(self) -> nn.Module:
        """Return the network that :meth:`evaluate` measures, in evaluation mode.

        It has the weights that count by the recipe, and batch normalisation recalibrated as that
        says. It belongs to this run: it changes when training goes on, so copy what must stay.
        """
        return self._evaluator.network(self._evaluator.counting)

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that resuming needs: tensors and plain values.

        ``torch.load(weights_only=True)`` reads it.

        It may be taken after any step, in one process of several.

        Raises:
            RuntimeError: a step broke off.
            TrainingDiverged: a loss is not finite.
        """
        self._check_unbroken()
        self._check_finite(now=True)
        return {
            "identity": self._identity,
            "epoch": self.epoch,
            "curve": [result.to_dict() for result in self.curve],
            "model": copied(self.model.state_dict()),
            **self._step.state_dict(),
            "averaged_weights": self._evaluator.averaged_weights(),
            "unfinished_epoch": self._progress.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave, on any device of the same precision.

        Raises:
            CheckpointError: the state is of another recipe, seed, data split, precision,
                ``evaluate_on`` or model, and this run is then unchanged; or it is no state of a
                training, and this run then needs another one to go on from.
        """
        try:
            check_identity(self._identity, state)
            check_weights(self.model.state_dict(), state["model"])
            self._broken = True
            self.model.load_state_dict(state["model"])
            self._step.load_state_dict(state)
            self._evaluator.load_averaged_weights(state["averaged_weights"])
            self.curve = tuple(EpochResult.from_dict(values) for values in state["curve"])
            self.epoch = int(state["epoch"])
            unfinished = state.get("unfinished_epoch")  # (earlier versions had none)
            self._progress = (
                EpochProgress.from_state(unfinished, self.device) if unfinished else EpochProgress()
            )
            self._stream = None
        except CheckpointError:
            raise
        except UNPICKLING_ERRORS as error:
            raise CheckpointError(f"it is not the state of a training: {error!r}") from error
        self._broken = False

    def _train(self, steps: int) -> None:
        """Train some steps of the present epoch."""
        began, waited = time.perf_counter(), self._stopwatch.of_part("loading")
        self.model.train()
        if self._stream is None:
            self._stream = self._batches.training(self.step)
        for number in range(self.step, self.step + steps):
            images, targets = next(self._stream)
            loss, hits = self._step.take(images, targets, number, self._learning_rate(number))
            self._evaluator.update_average(number)
            self._progress.add(loss, hits)
            self._check_finite(now=self._progress.steps == self.steps_per_epoch)
        self._progress.seconds += time.perf_counter() - began
        self._progress.waited_seconds += self._stopwatch.of_part("loading") - waited

    def _end_epoch(self) -> EpochResult:
        """Evaluate the epoch when it is due, and note its result."""
        epoch = self.epoch + 1
        learning_rate = self._learning_rate(self.step - 1)
        is_due = epoch % self.recipe.evaluate_every_epochs == 0 or epoch == self.recipe.epochs
        validation = beside = None
        if is_due and self._evaluate_on == "validation":
            validation = self._evaluator.metrics("validation", self._evaluator.counting)
            if self.weights_beside is not None:
                beside = self._evaluator.metrics("validation", self.weights_beside)
            if not math.isfinite(validation.loss):
                raise TrainingDiverged(
                    f"the validation loss is {validation.loss} after epoch {epoch}, learning rate "
                    f"{learning_rate:.4g}"
                )
        result = EpochResult(
            epoch=epoch,
            train_loss=self._progress.mean_loss(),
            train_accuracy=self._progress.accuracy(self.steps_per_epoch * self.batch_size),
            val_accuracy=None if validation is None else validation.score,
            learning_rate=learning_rate,
            train_seconds=self._progress.seconds,
            validation=validation,
            validation_beside=beside,
            waited_seconds=self._progress.waited_seconds,
        )
        self.epoch = epoch
        self.curve += (result,)
        self._progress = EpochProgress()
        if self.done:
            self._stream = None  # with the processes that decode
        return result

    def _learning_rate(self, step: int) -> float:
        return learning_rate_at(self.recipe, step, self.steps_per_epoch)

    def _check_finite(self, *, now: bool) -> None:
        """Raise for the first loss of this epoch that is not finite."""
        if (first := self._progress.first_not_finite(now=now)) is not None:
            step, loss = first
            learning_rate = self._learning_rate(self.epoch * self.steps_per_epoch + step)
            raise TrainingDiverged(
                f"the loss is {loss} in epoch {self.epoch + 1}, step {step + 1} of "
                f"{self.steps_per_epoch}, learning rate {learning_rate:.4g}"
            )

    def _check_unbroken(self) -> None:
        if self._broken:
            raise RuntimeError(
                f"a step of epoch {self.epoch + 1} broke off, and left the weights between two "
                "steps: load an earlier state"
            )
