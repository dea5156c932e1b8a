"""One training run, epoch by epoch.

Everything random derives from the seed and its place: the order of images from the epoch, an
image's augmentation from the epoch and the image, a group's mixing and dropout from the step and
the group. So a run can stop and go on at any epoch border with the same bits as without a break (on
a CPU; CUDA has kernels that add in any order), stores no generator's state, and leaves the caller's
generators as they were.
"""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from torch import nn

from trainers.batches import Batches
from trainers.checkpoints.checkpoint import UNPICKLING_ERRORS
from trainers.checkpoints.resume import check_identity, check_weights, copied, run_identity
from trainers.data.dataset import ImageSplits
from trainers.errors import CheckpointError, DataError, TrainingDiverged
from trainers.evaluation.classification_report import ClassificationReport, classification_report
from trainers.evaluation.evaluated_network import EvaluatedNetwork
from trainers.evaluation.metrics import Metrics, classification_metrics
from trainers.execution import choose_execution
from trainers.normalization.batch_norm import set_batch_norm
from trainers.optimization.learning_rate import learning_rate_at
from trainers.optimization.step import TrainingStep
from trainers.precision import autocast
from trainers.randomness import Stream, checked_seed, derived_seed, seeded
from trainers.recipe import Recipe, Weights
from trainers.result import EpochResult

SplitName = Literal["train", "validation", "test"]
# looking at the loss makes a GPU wait, and a diverged run wastes no more steps than these
STEPS_BETWEEN_LOSS_CHECKS = 100


class Training:
    """One run, whose caller decides after each epoch whether it goes on.

    Args:
        model: maps images [B, C, H, W] to logits [B, classes]; already initialised. It is moved
            to ``device`` and trained in place.
        splits: the images; they are moved to ``device`` whole.
        recipe: how to train.
        seed: 0 or more; decides order, augmentation and dropout, not the initial weights.
        device: such as "cpu" or "cuda".
        evaluate_on: "validation" adds validation metrics to the curve; "none" never looks at it.
        groups_at_once: normalisation groups that pass through the network at the same time, at
            most; None for all of a batch. It changes nothing but memory, time and rounding.

    Attributes:
        epoch: finished epochs.
        curve: their results, also of those before :meth:`load_state_dict`.
        execution: what the recipe's settings came to on the device.

    Raises:
        DataError: fewer than two train images, or no validation images to evaluate on.
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
        self._batches = Batches(
            self._splits, recipe, seed=self.seed, channels_last=self.execution.channels_last
        )
        self._step = TrainingStep(
            self.model,
            recipe,
            seed=self.seed,
            execution=self.execution,
            groups=self._batches.groups,
            classes=splits.classes,
            groups_at_once=groups_at_once,
        )
        self._twins: dict[Weights, EvaluatedNetwork] = {
            "raw": EvaluatedNetwork(self.model, average_decay=None)
        }
        if recipe.weight_average is not None:
            self._twins["averaged"] = EvaluatedNetwork(
                self.model, average_decay=recipe.weight_average.decay
            )
        self._identity = run_identity(
            recipe,
            splits,
            seed=self.seed,
            precision=self.execution.precision,
            evaluate_on=evaluate_on,
        )
        self._broken = False

    @property
    def groups_at_once(self) -> int:
        """The number of normalisation groups that pass through the network at the same time."""
        return self._step.groups_at_once

    @property
    def weights_beside(self) -> Weights | None:
        """The weights that do not count, with an average of weights; None without."""
        return next(iter(self._twins.keys() - {self.recipe.evaluated_weights}), None)

    @property
    def done(self) -> bool:
        """Whether all epochs of the recipe are finished."""
        return self.epoch >= self.recipe.epochs

    def run_epoch(self) -> EpochResult:
        """Train one epoch; evaluate it when it is due.

        Raises:
            TrainingDiverged: a loss is not finite. The run cannot go on or be saved after it, nor
                after any other exception in the middle of an epoch.
            ValueError: the model's output is not [B, classes].
            RuntimeError: all epochs are finished, or an earlier epoch broke off.
        """
        if self.done:
            raise RuntimeError(f"all {self.recipe.epochs} epochs are finished")
        self._check_unbroken()
        self._broken = True
        started_s = time.perf_counter()
        with seeded(derived_seed(self.seed, Stream.EPOCH, self.epoch), self.device):
            train_loss, train_accuracy, learning_rate = self._train_epoch()
        train_seconds = time.perf_counter() - started_s
        epoch = self.epoch + 1
        is_due = epoch % self.recipe.evaluate_every_epochs == 0 or epoch == self.recipe.epochs
        validation = beside = None
        if is_due and self._evaluate_on == "validation":
            validation = self._metrics("validation", self.recipe.evaluated_weights)
            if self.weights_beside is not None:
                beside = self._metrics("validation", self.weights_beside)
            if not math.isfinite(validation.loss):
                raise TrainingDiverged(
                    f"the validation loss is {validation.loss} after epoch {epoch}, learning rate "
                    f"{learning_rate:.4g}"
                )
        result = EpochResult(
            epoch=epoch,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            val_accuracy=None if validation is None else validation.accuracy,
            learning_rate=learning_rate,
            train_seconds=train_seconds,
            validation=validation,
            validation_beside=beside,
        )
        self.epoch = epoch
        self.curve += (result,)
        self._broken = False
        return result

    def evaluate(self, split: SplitName) -> Metrics:
        """Return metrics on all images of a split, not augmented; training is not affected.

        Raises:
            DataError: the split has no images.
            RuntimeError: an epoch broke off.
        """
        return self.report(split).metrics

    def report(self, split: SplitName) -> ClassificationReport:
        """Return what :meth:`evaluate` measures, with every class's results.

        Raises:
            DataError: the split has no images.
            RuntimeError: an epoch broke off.
        """
        self._check_unbroken()
        return classification_report(*self._outputs(split, self.recipe.evaluated_weights))

    def evaluated_model(self) -> nn.Module:
        """Return the network that :meth:`evaluate` measures, in evaluation mode.

        It has the weights that count by the recipe, and batch normalisation recalibrated as that
        says. It belongs to this run: it changes when training goes on, so copy what must stay.
        """
        return self._refreshed(self.recipe.evaluated_weights).network

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that resuming needs: tensors and plain values.

        ``torch.load(weights_only=True)`` reads it.

        Raises:
            RuntimeError: an epoch broke off, so this is no epoch border.
        """
        self._check_unbroken()
        return {
            "identity": self._identity,
            "epoch": self.epoch,
            "curve": [result.to_dict() for result in self.curve],
            "model": copied(self.model.state_dict()),
            **self._step.state_dict(),
            "averaged_weights": self._twins["averaged"].weights() if self._averages else None,
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
            if state["averaged_weights"] is not None:
                self._twins["averaged"].load_weights(state["averaged_weights"])
            self.curve = tuple(EpochResult.from_dict(values) for values in state["curve"])
            self.epoch = int(state["epoch"])
        except CheckpointError:
            raise
        except UNPICKLING_ERRORS as error:
            raise CheckpointError(f"it is not the state of a training: {error!r}") from error
        self._broken = False

    def _train_epoch(self) -> tuple[float, float, float]:
        """Train under the epoch's seed; return mean loss, accuracy, the last learning rate."""
        steps = self._batches.steps_per_epoch
        first_step = self.epoch * steps
        learning_rate = 0.0
        checked = 0
        losses: list[torch.Tensor] = []
        hits: list[torch.Tensor] = []
        self.model.train()
        for number, (images, targets) in enumerate(self._batches.training(self.epoch), first_step):
            learning_rate = learning_rate_at(self.recipe, number, steps)
            loss, logits = self._step.take(images, targets, number, learning_rate)
            if self._averages:
                self._twins["averaged"].update_average(number)
            labels = targets if targets.ndim == 1 else targets.argmax(dim=1)
            losses.append(loss)
            hits.append((logits.argmax(dim=1) == labels).sum())
            if len(losses) - checked == STEPS_BETWEEN_LOSS_CHECKS or len(losses) == steps:
                self._check_finite(losses[checked:], first_step + checked)
                checked = len(losses)
        train_loss = torch.stack(losses).mean().item()
        train_accuracy = torch.stack(hits).sum().item() / (steps * self._batches.batch_size)
        return train_loss, train_accuracy, learning_rate

    def _check_finite(self, losses: list[torch.Tensor], first_step: int) -> None:
        """Raise for the first loss that is not finite; ``first_step`` counts in the whole run."""
        steps = self._batches.steps_per_epoch
        for step, loss in enumerate(torch.stack(losses).tolist(), start=first_step):
            if not math.isfinite(loss):
                learning_rate = learning_rate_at(self.recipe, step, steps)
                raise TrainingDiverged(
                    f"the loss is {loss} in epoch {self.epoch + 1}, step {step % steps + 1} of "
                    f"{steps}, learning rate {learning_rate:.4g}"
                )

    def _metrics(self, split: SplitName, weights: Weights) -> Metrics:
        return classification_metrics(*self._outputs(split, weights))

    def _outputs(self, split: SplitName, weights: Weights) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits [N, classes] and labels [N] of a split."""
        chosen = {
            "train": self._splits.train,
            "validation": self._splits.validation,
            "test": self._splits.test,
        }[split]
        if not len(chosen):
            raise DataError(f"data set {self._splits.name!r}: the {split} split has no images")
        twin = self._refreshed(weights)
        return twin.logits(chosen, self._batches, self._autocast), chosen.labels

    def _refreshed(self, weights: Weights) -> EvaluatedNetwork:
        twin = self._twins[weights]
        with seeded(derived_seed(self.seed, Stream.RECALIBRATION), self.device):
            twin.refresh(self._batches, self._autocast)
        return twin

    @property
    def _averages(self) -> bool:
        return "averaged" in self._twins

    def _autocast(self) -> AbstractContextManager[object]:
        return autocast(self.execution.precision, self.device)

    def _check_unbroken(self) -> None:
        if self._broken:
            raise RuntimeError(
                f"epoch {self.epoch + 1} broke off: its weights belong to no epoch border; load "
                "an earlier state"
            )
