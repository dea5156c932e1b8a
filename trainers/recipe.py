"""The recipe: every setting of how a network is trained, and the learning-rate schedule."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, field_validator

from trainers.data.augmentation import Augmentation
from trainers.precision import PrecisionSetting
from trainers.settings import Settings


class Recipe(Settings):
    """How to train: SGD with Nesterov momentum, linear warm-up, cosine decay to zero.

    An epoch takes whole batches only: the images left over in one epoch's random order are left
    out of that epoch, and a train split smaller than ``batch_size`` is one batch.
    """

    # passes over the train images
    epochs: int = Field(ge=1)
    # images a step; batch normalisation needs two
    batch_size: int = Field(ge=2)
    # peak of the schedule, for this batch size
    learning_rate: float = Field(gt=0)
    # fraction of the last update that is kept; 0 is plain SGD
    momentum: float = Field(default=0.9, ge=0, lt=1)
    # L2 penalty a step; see trainers.optimizer for the parameters that are spared
    weight_decay: float = Field(default=5e-4, ge=0)
    # fraction of all steps that the linear warm-up takes
    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    # probability mass that is spread over all classes
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    augmentation: Augmentation = Augmentation()
    # of the forward and backward passes; weights and optimiser state are float32
    precision: PrecisionSetting = "auto"
    # memory layout; "auto" is channels-last exactly for reduced precision on CUDA
    channels_last: bool | Literal["auto"] = "auto"
    # epochs between validation points of the curve; the last epoch always is one
    evaluate_every_epochs: int = Field(default=1, ge=1)
    # L2 norm over all gradients; None does not clip
    gradient_clip_norm: float | None = Field(default=None, gt=0)
    # weight of the past in the moving average of weights that is evaluated; None evaluates the
    # trained weights themselves
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    # start every residual branch at zero: its last batch normalisation's scale is zero at first
    # (for whoever builds the network; training takes it as it comes)
    zero_init_residual: bool = False
    # train images whose batch-norm statistics replace the running averages before each
    # evaluation (at most the train split); 0 evaluates with the running averages, which are those
    # of the trained weights also when ema_decay is set
    bn_recalibration_images: int = Field(default=1024, ge=0)

    @field_validator("bn_recalibration_images")
    @classmethod
    def _has_variance(cls, images: int) -> int:
        if images == 1:
            raise ValueError("bn_recalibration_images must be 0, or 2 or more, got 1")
        return images

    def learning_rate_at(self, step: int, steps_total: int) -> float:
        """The learning rate of ``step`` (0-based) in a run of ``steps_total`` steps.

        With ``w = round(warmup_fraction * steps_total)`` warm-up steps it is
        ``peak * (step + 1) / (w + 1)`` before step ``w``, and from there
        ``peak * (1 + cos(pi * (step - w) / (steps_total - w))) / 2``: the first step is not zero,
        step ``w`` has the peak, and zero is reached at ``steps_total``, one past the last step.

        Raises:
            ValueError: ``step`` is outside ``0..steps_total``.
        """
        if not 0 <= step <= steps_total or steps_total < 1:
            raise ValueError(f"step must be in 0..steps_total, got {step=}, {steps_total=}")
        warmup_steps = round(self.warmup_fraction * steps_total)
        if step < warmup_steps:
            return self.learning_rate * (step + 1) / (warmup_steps + 1)
        if step == steps_total:
            return 0.0
        progress = (step - warmup_steps) / (steps_total - warmup_steps)
        return self.learning_rate * (1 + math.cos(math.pi * progress)) / 2
