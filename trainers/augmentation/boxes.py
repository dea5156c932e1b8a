"""Random boxes in an image (Szegedy et al. 2015, https://arxiv.org/abs/1409.4842), or around it."""

from __future__ import annotations

import torch

from trainers.augmentation.draws import ImageDraws, Use
from trainers.augmentation.settings import Crop, ResizedCrop, ScaleJitter

ATTEMPTS = 10
"""Boxes drawn for an image, of which the first that fits counts."""
DRAWS = 2 * ATTEMPTS
"""Random numbers for an image."""


def box_sizes(
    draws: torch.Tensor,
    size: tuple[int, int],
    area: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the size of one box an image.

    A box's area is uniform in its range, and the logarithm of its ratio too.

    Args:
        draws: [B, DRAWS], uniform in [0, 1).
        size: (height, width) of the image, in pixels.
        area: smallest and largest share of the image's area.
        ratio: smallest and largest ratio of width to height.

    Returns:
        width and height, [B] each, in pixels, not whole; and whether they fit the image, [B], bool.
        Where none of the attempts fits, they are the first attempt's.
    """
    height, width = size
    areas = height * width * between(area, draws[:, :ATTEMPTS])
    low, high = torch.tensor(ratio, dtype=draws.dtype).log().tolist()
    ratios = between((low, high), draws[:, ATTEMPTS:]).exp()
    widths, heights = (areas * ratios).sqrt(), (areas / ratios).sqrt()
    fits = (widths <= width) & (heights <= height)
    first = fits.int().argmax(dim=1, keepdim=True)
    return (
        widths.gather(1, first)[:, 0],
        heights.gather(1, first)[:, 0],
        fits.any(dim=1),
    )


def boxes_of_crop(
    draws: ImageDraws, crop: Crop, input_size: tuple[int, int], size: tuple[int, int]
) -> torch.Tensor:
    """Return the box of each image that becomes the whole, float32 [B, 4].

    It is centre x, y, width and height, of which the centre is in the coordinates of pixels.

    Args:
        draws: of B images.
        crop: the settings.
        input_size: (height, width) of the images, in pixels.
        size: (height, width) of the results.
    """
    if isinstance(crop, ResizedCrop):
        return crop_boxes(draws.uniform(Use.RESIZED_CROP, DRAWS + 2), crop, input_size, size)
    return jittered_boxes(draws.uniform(Use.SCALE_JITTER, 3), crop, input_size, size)


def jittered_boxes(
    uniform: torch.Tensor, jitter: ScaleJitter, input_size: tuple[int, int], size: tuple[int, int]
) -> torch.Tensor:
    """Return the boxes of a scale jitter, as :func:`boxes_of_crop` does.

    A box that is larger than the image begins at its upper left.

    Args:
        uniform: [B, 3], uniform in [0, 1).
        jitter: the range of factors.
        input_size, size: see :func:`boxes_of_crop`.
    """
    factors = between(jitter.factor, uniform[:, 0])
    fitting = min(out / side for out, side in zip(size, input_size, strict=True))
    height, width = (out / (fitting * factors) for out in size)
    left, top = (
        draw * (side - box).clamp(min=0)
        for draw, side, box in (
            (uniform[:, 1], input_size[1], width),
            (uniform[:, 2], input_size[0], height),
        )
    )
    return torch.stack([left + width / 2 - 0.5, top + height / 2 - 0.5, width, height], dim=1)


def crop_boxes(
    uniform: torch.Tensor,
    settings: ResizedCrop,
    input_size: tuple[int, int],
    size: tuple[int, int],
) -> torch.Tensor:
    """Return the boxes of the Inception crop, float32 [B, 4]: centre x, y, width, height.

    Where none of ten boxes fits, it is the largest central one of an allowed ratio, as in
    torchvision. The centres are in the coordinates of pixels.

    Args:
        uniform: [B, DRAWS + 2], uniform in [0, 1).
        settings: the ranges of area and ratio.
        input_size: (height, width) of the images, in pixels.
        size: (height, width) of the results.
    """
    low, high = settings.ratio
    input_height, input_width = input_size
    widths, heights, fits = box_sizes(uniform[:, :DRAWS], input_size, settings.area, settings.ratio)
    ratio = min(max(input_width / input_height, low), high)
    widths = widths.where(fits, min(input_width, input_height * ratio))
    heights = heights.where(fits, min(input_height, input_width / ratio))
    centres = []
    for draw, box, side, out in (
        (uniform[:, DRAWS], widths, input_width, size[1]),
        (uniform[:, DRAWS + 1], heights, input_height, size[0]),
    ):
        room = side - box
        # An enlarged box reaches less than half a pixel beyond the centres of its outer pixels:
        # no nearer to the image's edge than that, or black would be mixed in.
        margin = (0.5 - 0.5 * box / out).clamp(min=0).minimum(room / 2)
        corner = margin + draw * (room - 2 * margin)
        centres.append(torch.where(fits, corner, room / 2) + box / 2 - 0.5)
    return torch.stack([*centres, widths, heights], dim=1)


def between(limits: tuple[float, float], draws: torch.Tensor) -> torch.Tensor:
    """Return numbers between two limits from uniform ones in [0, 1), of any shape."""
    low, high = limits
    return low + (high - low) * draws
