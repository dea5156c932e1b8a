"""RandAugment and TrivialAugment, with operations drawn for each image.

RandAugment: Cubuk et al. 2020, https://arxiv.org/abs/1909.13719. TrivialAugment: Müller and Hutter
2021, https://arxiv.org/abs/2103.10158, with its "wide" ranges. The operations and ranges are those
of torchvision's ``RandAugment`` and ``TrivialAugmentWide``. Differs from these in bilinear sampling
where torchvision's default is the nearest pixel (its published recipes sample bilinearly too), and
in values that are not rounded to 8 bits after each operation.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from trainers.augmentation.draws import ImageDraws, Use
from trainers.augmentation.operations import LEVELS, Operation, apply_operations
from trainers.augmentation.settings import RandAugment, TrivialAugment

MAGNITUDES = 31
"""The magnitudes 0..30; the largest amounts belong to 30."""
SIGNED = range(Operation.SHEAR_X, Operation.SHARPNESS + 1)
"""The operations whose amount is negative at even odds."""
DRAWS = 3
"""Random numbers for an operation: which, its magnitude, its sign."""


class RandomPolicy:
    """Operations on images, each image with its own.

    Args:
        settings: which policy.
        size: (height, width) of the images, in pixels.

    Attributes:
        turns: operations on each image.
    """

    def __init__(self, settings: RandAugment | TrivialAugment, size: tuple[int, int]) -> None:
        self.turns = 1
        self._magnitude: int | None = None
        largest = TRIVIAL_AUGMENT_AMOUNTS
        if isinstance(settings, RandAugment):
            self.turns, self._magnitude = settings.operations, settings.magnitude
            largest = rand_augment_amounts(size)
        self._largest = torch.tensor([largest.get(operation, 0.0) for operation in Operation])

    def __call__(self, images: torch.Tensor, draws: ImageDraws) -> torch.Tensor:
        """Return the changed images.

        Args:
            images: [B, 1 or 3, H, W], in 0..1.
            draws: on the CPU; those of another device are awaited.
        """
        draws = draws.to("cpu")
        for turn in range(self.turns):
            images = apply_operations(images, *self.drawn(draws, turn))
        return images

    def drawn(self, draws: ImageDraws, turn: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the operations, int64 [B], and amounts, float32 [B], of a turn from 0."""
        which, magnitude, sign = draws.uniform(Use.POLICY, DRAWS, first=turn * DRAWS).unbind(dim=1)
        operations = (which * len(Operation)).long()
        magnitudes = (
            (magnitude * MAGNITUDES).floor() if self._magnitude is None else self._magnitude
        )
        amounts = self._largest[operations] * magnitudes / (MAGNITUDES - 1)
        is_signed = (operations >= SIGNED.start) & (operations < SIGNED.stop)
        return operations, amounts.where(~is_signed | (sign < 0.5), -amounts)


def rand_augment_amounts(size: tuple[int, int]) -> Mapping[Operation, float]:
    """Return the largest amounts of RandAugment for images of a size (height, width)."""
    height, width = size
    return {
        Operation.SHEAR_X: 0.3,
        Operation.SHEAR_Y: 0.3,
        # 150 pixels of AutoAugment's 331
        Operation.TRANSLATE_X: 150 / 331 * width,
        Operation.TRANSLATE_Y: 150 / 331 * height,
        Operation.ROTATE: 30.0,
        Operation.BRIGHTNESS: 0.9,
        Operation.COLOUR: 0.9,
        Operation.CONTRAST: 0.9,
        Operation.SHARPNESS: 0.9,
        Operation.POSTERIZE: 4.0,
        Operation.SOLARIZE: float(LEVELS),
    }


TRIVIAL_AUGMENT_AMOUNTS: Mapping[Operation, float] = {
    Operation.SHEAR_X: 0.99,
    Operation.SHEAR_Y: 0.99,
    # pixels, whatever the image's size
    Operation.TRANSLATE_X: 32.0,
    Operation.TRANSLATE_Y: 32.0,
    Operation.ROTATE: 135.0,
    Operation.BRIGHTNESS: 0.99,
    Operation.COLOUR: 0.99,
    Operation.CONTRAST: 0.99,
    Operation.SHARPNESS: 0.99,
    Operation.POSTERIZE: 6.0,
    Operation.SOLARIZE: float(LEVELS),
}
"""Largest amounts of TrivialAugment."""
