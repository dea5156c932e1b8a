"""The recipe: every setting of how a network is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from trainers.augmentation.settings import Augmentation
from trainers.precision import PrecisionSetting
from trainers.recipe.detection import Detection
from trainers.recipe.evaluation import Evaluation, Weights
from trainers.recipe.network_settings import BatchNorm, WeightAverage
from trainers.recipe.optimizers import OptimizerSettings, Sgd
from trainers.recipe.pixels import PixelSettings
from trainers.recipe.schedules import Cosine, ScheduleSettings, Steps
from trainers.settings import GrowingSettings, list_to_tuple

Spared = Literal["batch_norm", "biases", "position_embeddings"]
"""The kinds of parameters that do not decay unless a recipe names them."""


class Recipe(GrowingSettings):
    """The way to train a network.

    An epoch takes whole batches only: the images left over in one epoch's random order are left
    out of that epoch, and a train split smaller than ``batch_size`` is one batch.
    """

    LATER_KEYS: ClassVar[tuple[str, ...]] = ("detection",)

    RENAMED: ClassVar[Mapping[str, str]] = {
        "momentum": "optimizer.momentum",
        "warmup_fraction": "schedule.warmup_fraction",
        "ema_decay": "weight_average.decay",
        "bn_recalibration_images": "evaluation.recalibration_images",
    }
    """The present names of keys that earlier versions had, for errors' messages."""

    epochs: int = Field(ge=1)
    """Passes over the train images. Unit: epochs."""
    batch_size: int = Field(ge=2)
    """Images in a step of the optimiser, whatever the number of devices. Unit: images."""
    normalization_images: int | None = Field(default=None, ge=2)
    """Images that share the statistics of batch normalisation, and that are mixed with each other:
    a group. A batch consists of whole groups. Null is the whole batch. Unit: images."""
    learning_rate: float = Field(gt=0)
    """Highest learning rate of the schedule, for a batch of `learning_rate_images`."""
    learning_rate_images: int | None = Field(default=None, ge=1)
    """The batch that `learning_rate` is for; the rate grows in proportion to `batch_size`. Null is
    `batch_size` itself. Unit: images."""
    optimizer: OptimizerSettings = Sgd(nesterov=True)
    """The rule that updates the weights."""
    schedule: ScheduleSettings = Cosine(warmup_fraction=0.05)
    """The learning rate over the training."""
    weight_decay: float = Field(default=5e-4, ge=0)
    """Weight decay of convolutions' and linear layers' weights. `sgd` and `rmsprop` add it times
    the weight to the gradient; `adamw` subtracts it times the rate and the weight."""
    weight_decay_also_on: Annotated[tuple[Spared, ...], BeforeValidator(list_to_tuple)] = ()
    """Further parameters that decay: scales and shifts of normalisations (`batch_norm`), `biases`,
    tables of relative positions (`position_embeddings`)."""
    gradient_clip_norm: float | None = Field(default=None, gt=0)
    """Largest L2 norm of all gradients together; null does not clip."""
    label_smoothing: float = Field(default=0, ge=0, lt=1)
    """Probability that is spread evenly over all classes."""
    pixels: PixelSettings = PixelSettings()
    """Size, crop and scale of the network's input."""
    augmentation: Augmentation = Augmentation()
    """Random changes of train images."""
    dropout: float = Field(default=0, ge=0, lt=1)
    """Probability with which a value is zero before the last linear layer."""
    stochastic_depth: float = Field(default=0, ge=0, lt=1)
    """Probability with which an image skips the last residual branch (Huang et al. 2016); earlier
    branches are skipped less, in proportion to their place."""
    batch_norm: BatchNorm = BatchNorm()
    """Batch normalisation's running averages and epsilon."""
    zero_init_residual: bool = False
    """Start every residual branch at zero, by the scale of its last batch normalisation."""
    weight_average: WeightAverage | None = None
    """The moving average of the weights; null keeps none."""
    detection: Detection = Detection()
    """Matching, losses and detections, where the images have objects in boxes."""
    evaluation: Evaluation = Evaluation()
    """Weights and statistics with which the network is evaluated."""
    evaluate_every_epochs: int = Field(default=1, ge=1)
    """Epochs between two evaluations on validation images; the last epoch always has one. Unit:
    epochs."""
    precision: PrecisionSetting = "auto"
    """Number type of the forward and backward passes; weights and optimiser state are float32."""
    channels_last: bool | Literal["auto"] = "auto"
    """Memory layout; `auto` chooses by the device (`trainers/execution.py`)."""
    compile: bool = False
    """Compile the forward and backward passes by `torch.compile`, which takes a minute or more."""

    @property
    def content(self) -> dict[str, Any]:
        """The plain data that the recipe is identified by."""
        return self.model_dump(mode="json")

    @property
    def peak_learning_rate(self) -> float:
        """The highest learning rate, for this recipe's batch."""
        return self.learning_rate * self.batch_size / (self.learning_rate_images or self.batch_size)

    @property
    def evaluated_weights(self) -> Weights:
        """The weights that count."""
        return self.evaluation.weights or ("raw" if self.weight_average is None else "averaged")

    @field_validator("weight_decay_also_on")
    @classmethod
    def _each_once(cls, kinds: tuple[Spared, ...]) -> tuple[Spared, ...]:
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"weight_decay_also_on repeats one, got {list(kinds)}")
        return kinds

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        images = self.normalization_images
        if images is not None and self.batch_size % images:
            raise ValueError(
                "batch_size must be a multiple of normalization_images, got "
                f"batch_size={self.batch_size}, normalization_images={images}"
            )
        return self

    @model_validator(mode="after")
    def _average_to_evaluate(self) -> Self:
        if self.evaluation.weights == "averaged" and self.weight_average is None:
            raise ValueError("evaluation.weights: averaged needs weight_average, got null")
        return self

    @model_validator(mode="after")
    def _schedule_within_the_training(self) -> Self:
        schedule = self.schedule
        if schedule.warmup_share(self.epochs) >= 1:
            raise ValueError(
                f"schedule.warmup_epochs must be below epochs={self.epochs}, got "
                f"{schedule.warmup_epochs}"
            )
        if isinstance(schedule, Steps) and schedule.at_epochs[-1] >= self.epochs:
            raise ValueError(
                f"schedule.at_epochs must be below epochs={self.epochs}, got "
                f"{list(schedule.at_epochs)}"
            )
        return self
