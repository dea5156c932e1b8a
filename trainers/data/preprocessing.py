"""Preprocessing: a picture becomes a network's input as the training images did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import torch
from pydantic import Field, model_validator

from trainers.data.dataset import ImageSplits
from trainers.data.pixels import COLOUR_MODES, open_picture, picture_pixels, to_colour
from trainers.errors import DataError
from trainers.settings import Settings

if TYPE_CHECKING:
    from PIL import Image

CHANNELS = {"grey": 1, "rgb": 3}


class Preprocessing(Settings):
    """The steps from a picture to the values that a network takes, in order.

    1. Turn the picture upright by its EXIF orientation.
    2. Convert it to ``colour``: a grey picture has its channel repeated for "rgb", transparency is
       dropped, and a colour picture becomes its luminance for "grey".
    3. Resize it to ``height`` x ``width``; the ratio of its sides may change. Nothing is cropped.
    4. Divide by 255, subtract ``mean``, divide by ``std``.
    """

    colour: Literal["grey", "rgb"]
    # pixels
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    # "stretch": both sides become the network's, whatever their ratio was
    resize: Literal["stretch"] = "stretch"
    interpolation: Literal["antialiased_bilinear"] = "antialiased_bilinear"
    crop: Literal["none"] = "none"
    # one a channel, in pixel units 0..1
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @model_validator(mode="after")
    def _one_value_a_channel(self) -> Self:
        channels = CHANNELS[self.colour]
        if not len(self.mean) == len(self.std) == channels:
            raise ValueError(
                f"mean and std must have {channels} values for colour {self.colour!r}, got "
                f"{len(self.mean)} and {len(self.std)}"
            )
        if min(self.std) <= 0:
            raise ValueError(f"std must be above 0, got {min(self.std)}")
        return self

    @classmethod
    def of(cls, splits: ImageSplits) -> Self:
        """Return the steps that the images of ``splits`` went through, with their statistics.

        Raises:
            DataError: the images have neither 1 nor 3 channels.
        """
        channels, height, width = splits.input_shape
        for colour, count in CHANNELS.items():
            if count == channels:
                return cls.model_validate(
                    {
                        "colour": colour,
                        "height": height,
                        "width": width,
                        "mean": splits.mean,
                        "std": splits.std,
                    }
                )
        raise DataError(
            f"data set {splits.name!r}: pictures have 1 or 3 channels, its images {channels}"
        )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return CHANNELS[self.colour], self.height, self.width

    def pixels(self, picture: str | Path | Image.Image) -> torch.Tensor:
        """Do steps 1 to 3.

        Args:
            picture: an image file, or a decoded PIL image, which is taken to be upright.

        Returns:
            uint8 [C, H, W].

        Raises:
            DataError: the file is missing or damaged, or has more than 8 bits a channel.
        """
        if isinstance(picture, str | Path):
            place, picture = str(picture), open_picture(picture)
        else:
            place = "the picture"
        if self.colour == "grey" and picture.mode in COLOUR_MODES:
            picture = picture.convert("L")
        pixels = picture_pixels(picture, (self.height, self.width), place)[None]
        return torch.tensor(pixels if self.colour == "grey" else to_colour(pixels))[0]

    def normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        """Do step 4: uint8 [..., C, H, W] to float32 of the same shape."""
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (pixels.float() / 255 - mean) / std
