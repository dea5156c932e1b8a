"""One training run, epoch by epoch.

Everything random in epoch e derives from (seed, e). So a run can stop and go on at any epoch
border with the same bits as without a break (on a CPU; CUDA has kernels that add in any order),
stores no generator's state, and leaves the caller's generators as they were.
"""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import nn

from trainers.batches import Batches
from trainers.checkpoint import UNPICKLING_ERRORS
from trainers.data.dataset import ImageSplits
from trainers.errors import CheckpointError, DataError, TrainingDiverged
from trainers.evaluation import EvaluatedNetwork
from trainers.learning_rate import learning_rate_at
from trainers.metrics import Metrics, check_logits
from trainers.optimizer import build_optimizer
from trainers.precision import autocast, device_precision
from trainers.randomness import Stream, checked_seed, derived_seed, seeded
from trainers.recipe import Recipe
from trainers.result import EpochResult
from trainers.resume import check_identity, check_weights, copied, run_identity

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

    Attributes:
        epoch: finished epochs.
        curve: their results, also of those before :meth:`load_state_dict`.
        precision: what ``recipe.precision`` came to.

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
        self.precision = device_precision(recipe.precision, self.device)
        self.epoch = 0
        self.curve: tuple[EpochResult, ...] = ()
        channels_last = recipe.channels_last
        if channels_last == "auto":
            channels_last = self.device.type == "cuda" and self.precision != "float32"
        self.model = model.to(self.device)
        if channels_last:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._splits = splits.to(self.device)
        self._evaluate_on = evaluate_on
        self._batches = Batches(self._splits, recipe, channels_last=channels_last)
        self._optimizer = build_optimizer(self.model, recipe)
        self._parameters = [p for p in self.model.parameters() if p.requires_grad]
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "float16")
        self._evaluated = EvaluatedNetwork(self.model, ema_decay=recipe.ema_decay)
        self._identity = run_identity(
            recipe, splits, seed=self.seed, precision=self.precision, evaluate_on=evaluate_on
        )
        self._broken = False

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
        validation = None
        if is_due and self._evaluate_on == "validation":
            validation = self._metrics("validation")
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
        self._check_unbroken()
        return self._metrics(split)

    def evaluated_model(self) -> nn.Module:
        """Return the network that :meth:`evaluate` measures, in evaluation mode.

        It has the averaged weights (with ``ema_decay``) and recalibrated batch normalisation. It
        belongs to this run: it changes when training goes on, so copy what must stay.
        """
        with seeded(derived_seed(self.seed, Stream.RECALIBRATION), self.device):
            return self._evaluated.refresh(self._batches, self._autocast)

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
            "optimizer": copied(self._optimizer.state_dict()),
            "scaler": copied(self._scaler.state_dict()),
            "averaged_weights": self._evaluated.averaged_weights(),
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
            self._optimizer.load_state_dict(state["optimizer"])
            self._scaler.load_state_dict(state["scaler"])
            if state["averaged_weights"] is not None:
                self._evaluated.load_averaged_weights(state["averaged_weights"])
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
        first_step, steps_total = self.epoch * steps, self.recipe.epochs * steps
        learning_rate = 0.0
        checked = 0
        losses: list[torch.Tensor] = []
        hits: list[torch.Tensor] = []
        self.model.train()
        for index, (images, targets) in enumerate(self._batches.training()):
            learning_rate = learning_rate_at(self.recipe, first_step + index, steps_total)
            loss, logits = self._step(images, targets, learning_rate)
            self._evaluated.update_average(first_step + index)
            labels = targets if targets.ndim == 1 else targets.argmax(dim=1)
            losses.append(loss)
            hits.append((logits.argmax(dim=1) == labels).sum())
            if len(losses) - checked == STEPS_BETWEEN_LOSS_CHECKS or len(losses) == steps:
                self._check_finite(losses[checked:], first_step + checked)
                checked = len(losses)
        train_loss = torch.stack(losses).mean().item()
        train_accuracy = torch.stack(hits).sum().item() / (steps * self._batches.batch_size)
        return train_loss, train_accuracy, learning_rate

    def _step(
        self, images: torch.Tensor, targets: torch.Tensor, learning_rate: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Update the weights once; return the loss [] and logits [B, classes], detached."""
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        with self._autocast():
            logits = self.model(images)
        check_logits(logits, (len(images), self._batches.classes), self.model)
        loss = F.cross_entropy(logits.float(), targets, label_smoothing=self.recipe.label_smoothing)
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        if self.recipe.gradient_clip_norm is not None:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._parameters, self.recipe.gradient_clip_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return loss.detach(), logits.detach()

    def _check_finite(self, losses: list[torch.Tensor], first_step: int) -> None:
        """Raise for the first loss that is not finite; ``first_step`` counts in the whole run."""
        steps = self._batches.steps_per_epoch
        for step, loss in enumerate(torch.stack(losses).tolist(), start=first_step):
            if not math.isfinite(loss):
                learning_rate = learning_rate_at(self.recipe, step, self.recipe.epochs * steps)
                raise TrainingDiverged(
                    f"the loss is {loss} in epoch {self.epoch + 1}, step {step % steps + 1} of "
                    f"{steps}, learning rate {learning_rate:.4g}"
                )

    def _metrics(self, split: SplitName) -> Metrics:
        chosen = {
            "train": self._splits.train,
            "validation": self._splits.validation,
            "test": self._splits.test,
        }[split]
        if not len(chosen):
            raise DataError(f"data set {self._splits.name!r}: the {split} split has no images")
        self.evaluated_model()
        return self._evaluated.evaluate(chosen, self._batches, self._autocast)

    def _autocast(self) -> AbstractContextManager[object]:
        return autocast(self.precision, self.device)

    def _check_unbroken(self) -> None:
        if self._broken:
            raise RuntimeError(
                f"epoch {self.epoch + 1} broke off: its weights belong to no epoch border; load "
                "an earlier state"
            )
