"""Settings of a network's evaluation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from trainers.settings import Settings

Weights = Literal["raw", "averaged"]


class Evaluation(Settings):
    """The weights and statistics that a network is evaluated with."""

    weights: Weights | None = None
    """The weights that count, that are tested and saved; null is the average where there is one.
    The others are evaluated on the validation images beside them."""
    recalibration_images: int = Field(default=1024, ge=0)
    """Train images over which batch-norm statistics are computed anew before each evaluation; 0
    uses the running averages. Unit: images."""

    @field_validator("recalibration_images")
    @classmethod
    def _has_variance(cls, images: int) -> int:
        if images == 1:
            raise ValueError("recalibration_images must be 0, or 2 or more, got 1")
        return images
