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

from trainers.augmentation.boxes import boxes_of_crop
from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.settings import Crop
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
        settings: the ranges of the crop.
        size: (height, width) of the result, in pixels.
        seed: of the training.
    """

    settings: Crop
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
        return split.decoded(
            positions,
            self.size,
            lambda row, file: self._decoded(file, split, draws.rows(torch.tensor([row]))),
        )

    def boxes(
        self, split: PictureSplit, positions: torch.Tensor, epoch: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return where the crops of some images lie in the whole pictures.

        Args:
            split: whose pictures' sizes are known.
            positions, epoch: see :meth:`pixels`.

        Returns:
            The left and top edge of each in its picture, and its width and height, in pixels,
            float32 [B, 2] both.
        """
        assert split.hw is not None
        draws = ImageDraws.of(self.seed, epoch, positions)
        boxes = torch.cat(
            [
                boxes_of_crop(draws.rows(torch.tensor([row])), self.settings, (h, w), self.size)
                for row, (h, w) in enumerate(split.hw[positions].tolist())
            ]
        )
        return boxes[:, :2] + 0.5 - boxes[:, 2:] / 2, boxes[:, 2:]

    def _decoded(
        self, file: PictureFile, split: PictureSplit, draws: ImageDraws
    ) -> npt.NDArray[np.uint8]:
        """Return [1 or 3, H, W] of one picture's crop."""
        from PIL import Image, ImageOps  # noqa: PLC0415 (slow to import)

        try:
            with Image.open(file) as picture:
                sideways = picture.getexif().get(ORIENTATION) in ON_ITS_SIDE
                width, height = picture.size[::-1] if sideways else picture.size
                x, y, box_width, box_height = boxes_of_crop(
                    draws, self.settings, (height, width), self.size
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
        shown = (
            max(1, round(self.size[1] * min(1, (width - left) / box_width))),
            max(1, round(self.size[0] * min(1, (height - top) / box_height))),
        )
        crop = upright.resize(shown, split.resizing.resampling(), box=box)
        if shown != self.size[::-1]:  # the box is larger than the picture, and black beyond it
            part, crop = crop, Image.new(crop.mode, self.size[::-1])
            crop.paste(part)
        return channels_first(crop)
