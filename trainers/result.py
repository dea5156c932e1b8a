"""What a training run returns: the curve's points and the whole run's result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from trainers.metrics import Metrics
from trainers.precision import Precision


@dataclass(frozen=True)
class EpochResult:
    """One epoch of training.

    Attributes:
        epoch: 1-based.
        train_loss: mean over the epoch's steps of the loss that was minimised, so with label
            smoothing, augmentation and mixup.
        train_accuracy: top-1 on the augmented images while they were trained on, in 0..1; with
            mixup against the label of the larger share.
        val_accuracy: top-1 on the validation split, in 0..1; None where this epoch was not
            evaluated.
        learning_rate: of the epoch's last step.
        train_seconds: wall time of the training steps, without the evaluation.
        validation: all metrics behind ``val_accuracy``; None where that is None.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_accuracy: float | None
    learning_rate: float
    train_seconds: float
    validation: Metrics | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the metrics as a nested dict."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`."""
        validation = values["validation"]
        return cls(**values | {"validation": Metrics(**validation) if validation else None})


@dataclass(frozen=True)
class TrainingResult:
    """One whole run.

    Attributes:
        metrics: on the validation split after the LAST epoch, never the best one; None when
            ``evaluate_on="none"`` or the run diverged.
        curve: one result an epoch, also of the epochs before the run was resumed.
        train_seconds: the sum over ``curve``.
        precision: what ``Recipe.precision`` came to on the device.
        diverged: the loss became non-finite (see :class:`trainers.errors.TrainingDiverged`).
        test_metrics: on the test split, when :func:`trainers.train` was asked for them.
    """

    metrics: Metrics | None
    curve: tuple[EpochResult, ...]
    train_seconds: float
    precision: Precision
    diverged: bool = False
    test_metrics: Metrics | None = None
