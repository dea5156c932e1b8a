"""Settings of how pictures become a network's input, in training and evaluation."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from trainers.settings import GrowingSettings, list_to_tuple

Interpolation = Literal["bilinear", "bicubic"]
Deviation = Annotated[float, Field(gt=0)]


class PixelSettings(GrowingSettings):
    """The size, crop and scale of a network's input."""

    LATER_KEYS: ClassVar[tuple[str, ...]] = ("keep_ratio",)

    crop_fraction: float = Field(default=1, gt=0, le=1)
    """Side of the network's input as a fraction of the resized picture's: pictures are resized so
    that their shorter side is `data.image_size` divided by this, and evaluated on the central crop;
    0.875 is 224 of 256 pixels. With 1 both sides are resized to the network's, and nothing is
    cropped."""
    keep_ratio: bool = False
    """Keep the ratio of a picture's sides with `crop_fraction: 1`: the largest picture that fits
    into `data.image_size` lies at its upper left, and the rest is black. It is for objects in
    images, none of which may be cropped away."""
    interpolation: Interpolation = "bilinear"
    """Resampling of resized pictures, with antialiasing."""
    mean: Annotated[tuple[float, ...] | None, BeforeValidator(list_to_tuple)] = None
    """Mean to subtract, one value a channel, for pixels from 0 to 1; null is that of the train
    images."""
    deviation: Annotated[tuple[Deviation, ...] | None, BeforeValidator(list_to_tuple)] = None
    """Deviation to divide by, one value a channel; null is that of the train images."""

    @model_validator(mode="after")
    def _whole_or_cropped(self) -> Self:
        if self.keep_ratio and self.crop_fraction < 1:
            raise ValueError(
                "keep_ratio keeps the whole picture, and needs crop_fraction=1, got "
                f"crop_fraction={self.crop_fraction:g}"
            )
        return self

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.mean is None) != (self.deviation is None) or (
            self.mean and self.deviation and len(self.mean) != len(self.deviation)
        ):
            raise ValueError(
                "mean and deviation go together, one value a channel, got "
                f"mean={self.mean}, deviation={self.deviation}"
            )
        return self
