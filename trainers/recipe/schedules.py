"""The schedules of the learning rate that a recipe can name."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from trainers.settings import Settings, list_to_tuple

Epoch = Annotated[float, Field(gt=0)]


class Schedule(Settings):
    """A schedule with a linear warm-up, whose first step has rate 0."""

    warmup_epochs: float | None = Field(default=None, ge=0)
    """Epochs during which the rate rises linearly from 0; null is none, or `warmup_fraction`. Unit:
    epochs."""
    warmup_fraction: float | None = Field(default=None, ge=0, lt=1)
    """The same as a fraction of all epochs. It excludes `warmup_epochs`."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.warmup_epochs is not None and self.warmup_fraction is not None:
            raise ValueError(
                "warmup_epochs and warmup_fraction exclude each other, got "
                f"warmup_epochs={self.warmup_epochs}, warmup_fraction={self.warmup_fraction}"
            )
        return self

    def warmup_share(self, epochs: int) -> float:
        """Return the warm-up's fraction of a training of so many epochs."""
        if self.warmup_epochs is not None:
            return self.warmup_epochs / epochs
        return self.warmup_fraction or 0.0


class Constant(Schedule):
    """The same rate after the warm-up."""

    name: Literal["constant"] = "constant"


class Cosine(Schedule):
    """Half a cosine wave from the end of the warm-up to the end (Loshchilov and Hutter 2017)."""

    name: Literal["cosine"] = "cosine"
    final_fraction: float = Field(default=0, ge=0, le=1)
    """The rate at the end, as a fraction of the highest."""


class Steps(Schedule):
    """The rate is multiplied by a factor at given epochs, counted from the beginning."""

    name: Literal["steps"] = "steps"
    at_epochs: Annotated[tuple[Epoch, ...], BeforeValidator(list_to_tuple)] = Field(min_length=1)
    """Epochs after which the rate is smaller, in rising order. Unit: epochs."""
    factor: float = Field(default=0.1, gt=0, lt=1)
    """Factor of each step."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(later <= sooner for sooner, later in pairwise(self.at_epochs)):
            raise ValueError(f"at_epochs must rise, got {list(self.at_epochs)}")
        return self


class Exponential(Schedule):
    """The rate is multiplied by a factor again and again, counted from the beginning."""

    name: Literal["exponential"] = "exponential"
    factor: float = Field(gt=0, lt=1)
    """Factor at each step."""
    every_epochs: float = Field(gt=0)
    """Time between two steps. Unit: epochs."""
    staircase: bool = True
    """Change the rate in whole steps; else a little at every step of the optimiser."""


ScheduleSettings = Annotated[Constant | Cosine | Steps | Exponential, Field(discriminator="name")]
