"""The parameters of shapes, and the rules between them."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from trainers.settings import Settings

FEWEST_PIXELS = 6.0
"""The least extent of a shape at which its kind can be told, in pixels."""


class ShapesSettings(Settings):
    """The images of shapes: several that overlap, each of one kind, on a textured ground."""

    pixels: int = Field(default=96, ge=16, le=1024)
    """Side of the square image. Unit: pixels."""
    fewest_objects: int = Field(default=2, ge=1, le=64)
    """Fewest objects of an image. Unit: objects."""
    most_objects: int = Field(default=8, ge=1, le=64)
    """Most objects of an image; all numbers between are equally likely. Unit: objects."""
    smallest_fraction: float = Field(default=0.1, gt=0, le=1)
    """Least longer side of an object's box, as a fraction of the image's side; the logarithm of the
    side is uniform."""
    largest_fraction: float = Field(default=0.5, gt=0, le=0.9)
    """Largest longer side of an object's box, as a fraction of the image's side."""
    least_visible: float = Field(default=0.5, gt=0, le=1)
    """Share of every object's area that those before it leave to be seen, at least; 1 keeps objects
    apart."""
    rotation_degrees: float = Field(default=45, ge=0, le=180)
    """Largest turn of an object, in either direction. Unit: degrees."""
    noise: float = Field(default=8, ge=0, le=128)
    """Standard deviation of Gaussian noise that each pixel is given. Unit: levels of 255."""

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.fewest_objects > self.most_objects:
            raise ValueError(
                "fewest_objects must be at most most_objects, got "
                f"fewest_objects={self.fewest_objects}, most_objects={self.most_objects}"
            )
        if self.smallest_fraction > self.largest_fraction:
            raise ValueError(
                "smallest_fraction must be at most largest_fraction, got "
                f"smallest_fraction={self.smallest_fraction:g}, "
                f"largest_fraction={self.largest_fraction:g}"
            )
        if self.smallest_fraction * self.pixels < FEWEST_PIXELS:
            raise ValueError(
                f"smallest_fraction x pixels must be at least {FEWEST_PIXELS:g}, else the kinds of "
                f"shapes look alike, got smallest_fraction={self.smallest_fraction:g}, "
                f"pixels={self.pixels}"
            )
        return self
