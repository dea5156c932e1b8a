"""Resizing: a picture of any size gets the size at which images are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainers.augmentation.central_crop import central_corner
from trainers.recipe.pixels import Interpolation

if TYPE_CHECKING:
    from PIL import Image

ResizeMode = Literal["stretch", "cover"]


@dataclass(frozen=True)
class Resizing:
    """A size, and the way to it.

    Attributes:
        size: (height, width) in pixels.
        mode: "stretch" gives both sides their length, whatever that does to the picture's ratio;
            "cover" keeps the ratio: the smallest picture that covers the size is cut to its centre.
        interpolation: with antialiasing.
    """

    size: tuple[int, int]
    mode: ResizeMode = "stretch"
    interpolation: Interpolation = "bilinear"

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Return the picture in this size."""
        scaled = self._scaled(picture)
        if self.mode == "stretch":
            return scaled
        top, left = central_corner((scaled.height, scaled.width), self.size)
        height, width = self.size
        return scaled.crop((left, top, left + width, top + height))

    def resampling(self) -> Image.Resampling:
        """Return Pillow's name of the interpolation."""
        from PIL import Image  # noqa: PLC0415

        return {
            "bilinear": Image.Resampling.BILINEAR,
            "bicubic": Image.Resampling.BICUBIC,
        }[self.interpolation]

    def _scaled(self, picture: Image.Image) -> Image.Image:
        size = (
            self.size if self.mode == "stretch" else self._covering(picture.height, picture.width)
        )
        if (picture.height, picture.width) == size:
            return picture
        return picture.resize(size[::-1], self.resampling())

    def _covering(self, height: int, width: int) -> tuple[int, int]:
        """Return the least (height, width) of this ratio, rounded, that is nowhere too small."""
        least_height, least_width = self.size
        if least_height * width >= least_width * height:
            return least_height, max(least_width, round(width * least_height / height))
        return max(least_height, round(height * least_width / width)), least_width
