"""Random numbers that belong to an image: functions of (seed, epoch, image), and of their use.

So an image is augmented in the same way whatever batch, device or process it is in. The numbers
are a counter-based generator's: the finaliser of SplitMix64 (Steele, Lea and Flood 2014) over a key
of the training and epoch, the image's position, and the counter of the use.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Self

import torch

from trainers.randomness import Stream, derived_seed

BITS = 24
"""Random bits of a number, as many as a float32 holds."""

GOLDEN_GAMMA = -7046029254386353131  # 0x9E3779B97F4A7C15, odd, as a signed number


class Use(IntEnum):
    """The uses of random numbers; the values of this class are part of every result."""

    WARP = 0
    INTENSITY = 1
    NOISE = 2
    ERASING = 3
    RESIZED_CROP = 4
    COLOUR = 5
    POLICY = 6
    SCALE_JITTER = 7


class ImageDraws:
    """The random numbers of some images, on their device.

    Args:
        keys: int64 [B], one an image; see :meth:`of`.
    """

    def __init__(self, keys: torch.Tensor) -> None:
        self._keys = keys

    @classmethod
    def of(cls, seed: int, epoch: int, positions: torch.Tensor) -> Self:
        """Return the draws of one epoch.

        Args:
            seed: of the training.
            epoch: from 0.
            positions: int64 [B], the images' positions in the train split.
        """
        key = derived_seed(seed, Stream.AUGMENTATION, epoch)
        return cls(_mixed(_mixed(positions + 1) + _signed(key)))

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def device(self) -> torch.device:
        """Where the numbers are made; they are the same everywhere."""
        return self._keys.device

    def to(self, device: torch.device | str) -> ImageDraws:
        """Return the same draws on a device."""
        return ImageDraws(self._keys.to(device, non_blocking=True))

    def rows(self, rows: torch.Tensor) -> ImageDraws:
        """Return the draws of some of the images, which are the same as here.

        Args:
            rows: int64 or bool [B].
        """
        return ImageDraws(self._keys[rows])

    def uniform(self, use: Use, count: int, first: int = 0) -> torch.Tensor:
        """Return numbers in [0, 1), float32 [B, count].

        Args:
            use: what they are for; each use has its own sequence.
            count: numbers an image.
            first: the place in the sequence at which they begin.
        """
        return _fraction(self._words(use, count, first), 64 - BITS)

    def normal(self, use: Use, count: int) -> torch.Tensor:
        """Return normal numbers of deviation 1, float32 [B, count], by Box and Muller's method.

        Two bit fields of one 64-bit word give a radius and an angle.
        """
        words = self._words(use, (count + 1) // 2, 0)
        radii = _fraction(words, 64 - BITS).neg_().log1p_().mul_(-2).sqrt_()
        angles = _fraction(words, 64 - 2 * BITS).mul_(2 * math.pi)
        return torch.cat([radii * angles.cos(), radii * angles.sin()], dim=1)[:, :count]

    def _words(self, use: Use, count: int, first: int) -> torch.Tensor:
        """Return 64 random bits for each number, int64 [B, count]."""
        places = torch.arange(first + 1, first + count + 1, device=self._keys.device)
        counters = (places + (int(use) << 40)) * GOLDEN_GAMMA
        return _mixed(self._keys[:, None] + counters)


def _fraction(words: torch.Tensor, shift: int) -> torch.Tensor:
    """Return BITS bits of each word, from bit ``shift`` on, as a number in [0, 1), float32."""
    return (words >> shift).bitwise_and_((1 << BITS) - 1).float().div_(2**BITS)


def _mixed(values: torch.Tensor) -> torch.Tensor:
    """Return the finaliser of SplitMix64 of int64 values, which it overwrites; products wrap."""
    values.bitwise_xor_(_shifted(values, 30)).mul_(-4658895280553007687)  # 0xBF58476D1CE4E5B9
    values.bitwise_xor_(_shifted(values, 27)).mul_(-7723592293110705685)  # 0x94D049BB133111EB
    return values.bitwise_xor_(_shifted(values, 31))


def _shifted(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Shift int64 values right, with zeros coming in from the left."""
    return (values >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    """Return an unsigned 64-bit number as the signed one with the same bits."""
    return value - 2**64 if value >= 2**63 else value
