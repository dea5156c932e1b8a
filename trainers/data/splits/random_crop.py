"""Decoding at a random crop: of a training picture, only what the network will see.

The box of an image is that of :class:`trainers.augmentation.warp.RandomWarp`, from the same draws,
in the coordinates of the whole picture. Shrinking is antialiased here, as in torchvision; what a
rotation or shear brings in is black, since nothing around the box is decoded. A JPEG file is
decoded at a half, a quarter or an eighth of its size where that is still no smaller than what the
network takes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from trainers.augmentation.boxes import DRAWS, crop_boxes
from trainers.augmentation.draws import ImageDraws, Use
from trainers.augmentation.settings import ResizedCrop
from trainers.data.pictures.pixels import (
    ON_ITS_SIDE,
    ORIENTATION,
    PictureFile,
    channels_first,
    grey_or_rgb,
)
from trainers.data.splits.picture_split import PictureSplit


class RandomCrop(NamedTuple):
    """The random crop of one training.

    Attributes:
        settings: ranges of area and ratio.
        size: (height, width) of the result, in pixels.
        seed: of the training.
    """

    settings: ResizedCrop
    size: tuple[int, int]
    seed: int

    def pixels(self, split: PictureSplit, positions: torch.Tensor, epoch: int) -> torch.Tensor:
        """Decode the crops of some images: uint8 [B, 3, H, W], on the CPU.

        Args:
            split: of the images.
            positions: int64 [B].
            epoch: from 0; it and the position decide the crop.

        Raises:
            DataError: one cannot be decoded; with its name.
        """
        draws = ImageDraws.of(self.seed, epoch, positions)
        uniform = draws.uniform(Use.RESIZED_CROP, DRAWS + 2)
        return split.decoded(
            positions,
            self.size,
            lambda row, file: self._decoded(file, split, uniform[row : row + 1]),
        )

    def _decoded(
        self, file: PictureFile, split: PictureSplit, uniform: torch.Tensor
    ) -> npt.NDArray[np.uint8]:
        """Return [1 or 3, H, W] of one picture's crop."""
        from PIL import Image, ImageOps  # noqa: PLC0415 (slow to import)

        try:
            with Image.open(file) as picture:
                sideways = picture.getexif().get(ORIENTATION) in ON_ITS_SIDE
                width, height = picture.size[::-1] if sideways else picture.size
                x, y, box_width, box_height = crop_boxes(
                    uniform, self.settings, (height, width), self.size
                )[0].tolist()
                enough = (
                    math.ceil(width * self.size[1] / box_width),
                    math.ceil(height * self.size[0] / box_height),
                )
                picture.draft(None, enough[::-1] if sideways else enough)
                upright = ImageOps.exif_transpose(picture)
        except Image.DecompressionBombError as error:
            raise ValueError(error) from error
        mode = split.pictures.mode
        if mode not in (None, upright.mode):
            upright = upright.convert(mode)
        upright = grey_or_rgb(split.usable(upright))
        # the box in the picture as decoded, whose pixels have their centres at whole numbers
        across, down = upright.width / width, upright.height / height
        left, top = max(x + 0.5 - box_width / 2, 0), max(y + 0.5 - box_height / 2, 0)
        box = (
            left * across,
            top * down,
            min((left + box_width) * across, upright.width),
            min((top + box_height) * down, upright.height),
        )
        crop = upright.resize(self.size[::-1], split.resizing.resampling(), box=box)
        return channels_first(crop)
