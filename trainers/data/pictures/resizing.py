"""Resizing: a picture of any size gets the size at which images are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainers.augmentation.central_crop import central_corner
from trainers.recipe.pixels import Interpolation

if TYPE_CHECKING:
    from PIL import Image

ResizeMode = Literal["stretch", "cover", "fit"]


@dataclass(frozen=True)
class Resizing:
    """A size, and the way to it.

    Attributes:
        size: (height, width) in pixels.
        mode: "stretch" gives both sides their length, whatever that does to the picture's ratio;
            "cover" keeps the ratio: the smallest picture that covers the size is cut to its centre;
            "fit" keeps it too: the largest picture within the size lies at its upper left, and the
            rest is black.
        interpolation: with antialiasing.
    """

    size: tuple[int, int]
    mode: ResizeMode = "stretch"
    interpolation: Interpolation = "bilinear"

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Return the picture in this size."""
        scaled = self._scaled(picture)
        height, width = self.size
        if (scaled.height, scaled.width) == self.size:
            return scaled
        if self.mode == "fit":
            return scaled.crop((0, 0, width, height))  # (Pillow fills with black)
        top, left = central_corner((scaled.height, scaled.width), self.size)
        return scaled.crop((left, top, left + width, top + height))

    def factors(self, height: int, width: int) -> tuple[float, float]:
        """Return by how much a picture becomes wider and higher."""
        scaled_height, scaled_width = self._scaled_size(height, width)
        return scaled_width / width, scaled_height / height

    def corner(self, height: int, width: int) -> tuple[int, int]:
        """Return (top, left) of the part of a scaled picture that is kept."""
        if self.mode == "fit":
            return 0, 0
        return central_corner(self._scaled_size(height, width), self.size)

    def resampling(self) -> Image.Resampling:
        """Return Pillow's name of the interpolation."""
        from PIL import Image  # noqa: PLC0415

        return {
            "bilinear": Image.Resampling.BILINEAR,
            "bicubic": Image.Resampling.BICUBIC,
        }[self.interpolation]

    def _scaled(self, picture: Image.Image) -> Image.Image:
        size = self._scaled_size(picture.height, picture.width)
        if (picture.height, picture.width) == size:
            return picture
        return picture.resize(size[::-1], self.resampling())

    def _scaled_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) of a scaled picture before it is cut or filled up."""
        if self.mode == "stretch":
            return self.size
        return (self._covering if self.mode == "cover" else self._fitting)(height, width)

    def _covering(self, height: int, width: int) -> tuple[int, int]:
        """Return the least (height, width) of this ratio, rounded, that is nowhere too small."""
        least_height, least_width = self.size
        if least_height * width >= least_width * height:
            return least_height, max(least_width, round(width * least_height / height))
        return max(least_height, round(height * least_width / width)), least_width

    def _fitting(self, height: int, width: int) -> tuple[int, int]:
        """Return the largest (height, width) of this ratio, rounded, that is nowhere too large."""
        most_height, most_width = self.size
        if most_height * width >= most_width * height:
            return min(most_height, max(1, round(height * most_width / width))), most_width
        return most_height, min(most_width, max(1, round(width * most_height / height)))
