"""The recipe: every setting of how a network is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from trainers.data.augmentation import Augmentation
from trainers.precision import PrecisionSetting
from trainers.settings import Settings


class Recipe(Settings):
    """The way to train: SGD with Nesterov momentum, linear warm-up, cosine decay to zero.

    An epoch takes whole batches only: the images left over in one epoch's random order are left
    out of that epoch, and a train split smaller than ``batch_size`` is one batch.
    """

    epochs: int = Field(ge=1)
    """Passes over the train images. Unit: epochs."""
    batch_size: int = Field(ge=2)
    """Images in a step. Unit: images."""
    learning_rate: float = Field(gt=0)
    """Highest learning rate of the schedule, for this batch size."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Nesterov momentum; 0 is plain SGD."""
    weight_decay: float = Field(default=5e-4, ge=0)
    """Factor of the L2 penalty. Biases, normalisation and position embeddings are spared
    (`trainers/optimizer.py`)."""
    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    """Fraction of all steps during which the learning rate rises linearly."""
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Probability that is spread evenly over all classes."""
    augmentation: Augmentation = Augmentation()
    """Random changes of train images."""
    precision: PrecisionSetting = "auto"
    """Number type of the forward and backward passes; weights and optimiser state are float32."""
    channels_last: bool | Literal["auto"] = "auto"
    """Memory layout; `auto` is channels-last on CUDA with reduced precision."""
    evaluate_every_epochs: int = Field(default=1, ge=1)
    """Epochs between two evaluations on validation images; the last epoch always has one. Unit:
    epochs."""
    gradient_clip_norm: float | None = Field(default=None, gt=0)
    """Largest L2 norm of all gradients together; null does not clip."""
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    """Decay of the exponential moving average of weights that is evaluated; null evaluates the
    trained weights."""
    zero_init_residual: bool = False
    """Start every residual branch at zero, by the scale of its last batch normalisation."""
    bn_recalibration_images: int = Field(default=1024, ge=0)
    """Train images over which batch-norm statistics are computed anew before each evaluation; 0
    uses the running averages. Unit: images."""

    @field_validator("bn_recalibration_images")
    @classmethod
    def _has_variance(cls, images: int) -> int:
        if images == 1:
            raise ValueError("bn_recalibration_images must be 0, or 2 or more, got 1")
        return images
