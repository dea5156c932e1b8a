"""Preprocessing: a picture becomes a network's input as the training images did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import torch
from pydantic import Field, model_validator

from trainers.augmentation.central_crop import central_corner, central_crop
from trainers.data.network_input import scale_of
from trainers.data.pictures.pixels import (
    COLOUR_MODES,
    opaque,
    open_picture,
    picture_pixels,
    to_colour,
)
from trainers.data.pictures.resizing import ResizeMode, Resizing
from trainers.data.splits.dataset import ImageSplits
from trainers.errors import DataError
from trainers.recipe.pixels import Interpolation, PixelSettings
from trainers.settings import Settings

if TYPE_CHECKING:
    from PIL import Image

CHANNELS = {"grey": 1, "rgb": 3}
INTERPOLATIONS: dict[str, Interpolation] = {
    "antialiased_bilinear": "bilinear",
    "antialiased_bicubic": "bicubic",
}


class Preprocessing(Settings):
    """The steps from a picture to the values that a network takes, in order.

    1. Turn the picture upright by its EXIF orientation.
    2. Convert it to ``colour``: 16 bits of grey become 8, transparency is composed on white, a grey
       picture has its channel repeated for "rgb", and a colour picture becomes its luminance for
       "grey".
    3. Resize it. "stretch" makes it ``height`` x ``width``; the ratio of its sides may change.
       "cover" keeps the ratio: the smallest picture that covers ``resized_height`` x
       ``resized_width`` is cut to its centre of that size. "fit" keeps it too: the largest picture
       within ``height`` x ``width`` lies at its upper left, and the rest is black.
    4. Crop it to the central ``height`` x ``width``, unless ``crop`` is "none".
    5. Divide by 255, subtract ``mean``, divide by ``std``.
    """

    colour: Literal["grey", "rgb"]
    # pixels
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    resize: ResizeMode = "stretch"
    # pixels; None where the picture is not cropped
    resized_height: int | None = None
    resized_width: int | None = None
    interpolation: Literal["antialiased_bilinear", "antialiased_bicubic"] = "antialiased_bilinear"
    crop: Literal["none", "centre"] = "none"
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

    @model_validator(mode="after")
    def _crop_after_covering(self) -> Self:
        resized = (self.resized_height, self.resized_width)
        if self.resize in ("stretch", "fit") and (self.crop, *resized) == ("none", None, None):
            return self
        if (
            self.resize == "cover"
            and self.crop == "centre"
            and (self.resized_height or 0) >= self.height
            and (self.resized_width or 0) >= self.width
        ):
            return self
        raise ValueError(
            "resize is 'stretch' or 'fit' without a crop and resized_height and resized_width, or "
            "'cover' with crop 'centre' and both, at least height and width, got "
            f"resize={self.resize!r}, crop={self.crop!r}, resized_height={self.resized_height}, "
            f"resized_width={self.resized_width}, height={self.height}, width={self.width}"
        )

    @classmethod
    def of(cls, splits: ImageSplits, pixels: PixelSettings | None = None) -> Self:
        """Return the steps that a network's input was made by.

        Args:
            splits: the images; the scale is theirs where ``pixels`` give none.
            pixels: the recipe's; None for the defaults.

        Raises:
            DataError: the images have neither 1 nor 3 channels.
        """
        pixels = pixels or PixelSettings()
        channels, height, width = splits.input_shape
        colour = next((name for name, count in CHANNELS.items() if count == channels), None)
        if colour is None:
            raise DataError(
                f"data set {splits.name!r}: pictures have 1 or 3 channels, its images {channels}"
            )
        mean, std = scale_of(splits, pixels)
        values = {"colour": colour, "height": height, "width": width, "mean": mean, "std": std}
        values["interpolation"] = f"antialiased_{pixels.interpolation}"
        if pixels.keep_ratio:
            values["resize"] = "fit"
        if pixels.crop_fraction < 1:
            _, resized_height, resized_width = splits.train.image_shape
            values |= {"resize": "cover", "crop": "centre"}
            values |= {"resized_height": resized_height, "resized_width": resized_width}
        return cls.model_validate(values)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a network's input."""
        return CHANNELS[self.colour], self.height, self.width

    def pixels(
        self, picture: str | Path | Image.Image, *, place: str = "the picture"
    ) -> torch.Tensor:
        """Do steps 1 to 4.

        Args:
            picture: an image file, or a decoded PIL image, which is taken to be upright.
            place: a decoded image's name, for messages.

        Returns:
            uint8 [C, H, W].

        Raises:
            DataError: the file is missing or damaged, or no conversion is stated for its mode or
                values: see :data:`trainers.data.pictures.pixels.CONVERSIONS`.
        """
        if isinstance(picture, str | Path):
            place, picture = str(picture), open_picture(picture)
        if self.colour == "grey" and picture.mode in COLOUR_MODES:
            picture = opaque(picture).convert("L")
        pixels = picture_pixels(picture, self._resizing(), place)[None]
        images = torch.tensor(pixels if self.colour == "grey" else to_colour(pixels))
        return central_crop(images, (self.height, self.width))[0]

    def boxes_in_picture(self, boxes: torch.Tensor, picture_hw: tuple[int, int]) -> torch.Tensor:
        """Return boxes of the network's input in the pixels of a picture, cut at its edges.

        Args:
            boxes: [..., 4], (left, top, right, bottom) in pixels of the network's input.
            picture_hw: (height, width) of the picture, upright.
        """
        resizing = self._resizing()
        tops_and_lefts = (
            resizing.corner(*picture_hw),
            central_corner(resizing.size, (self.height, self.width)),
        )
        top, left = (sum(each) for each in zip(*tops_and_lefts, strict=True))
        height, width = picture_hw
        scaled = (boxes + boxes.new_tensor([left, top, left, top])) / boxes.new_tensor(
            2 * resizing.factors(height, width)
        )
        return scaled.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))

    def _resizing(self) -> Resizing:
        size = (self.resized_height or self.height, self.resized_width or self.width)
        return Resizing(size, self.resize, INTERPOLATIONS[self.interpolation])

    def normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        """Do step 5: uint8 [..., C, H, W] to float32 of the same shape."""
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (pixels.float() / 255 - mean) / std
