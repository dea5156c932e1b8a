"""The operations that RandAugment and TrivialAugment draw from.

They are those of torchvision's two policies, in its order. Pixels are floats here, 8-bit values
there: an operation that speaks of 8-bit levels rounds to them first, the others do not round.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import torch
from kornia.enhance import (
    adjust_brightness_accumulative,
    adjust_contrast_with_mean_subtraction,
    adjust_saturation_with_gray_subtraction,
    equalize,
)

from trainers.augmentation.affine import about, rotation, shear, translation, warp

LEVELS = 255
"""The highest 8-bit value."""


class Operation(IntEnum):
    """The operations, each with its amount; the numbers are part of every result."""

    IDENTITY = 0
    """No change."""
    SHEAR_X = 1
    """Pixels to the right for each pixel down, from the upper left corner."""
    SHEAR_Y = 2
    """Pixels down for each pixel to the right, from the upper left corner."""
    TRANSLATE_X = 3
    """Pixels to the right; a fraction is cut off."""
    TRANSLATE_Y = 4
    """Pixels down; a fraction is cut off."""
    ROTATE = 5
    """Degrees, clockwise, about the centre."""
    BRIGHTNESS = 6
    """Change of the factor 1 of the distance from black."""
    COLOUR = 7
    """Change of the factor 1 of the distance from the grey image; grey images stay as they are."""
    CONTRAST = 8
    """Change of the factor 1 of the distance from the mean luminance."""
    SHARPNESS = 9
    """Change of the factor 1 of the distance from the smoothed image."""
    POSTERIZE = 10
    """Lowest bits that are cleared, of 8, rounded."""
    SOLARIZE = 11
    """Levels below 255 down to which values are inverted, of 255."""
    AUTOCONTRAST = 12
    """Each channel is stretched to 0..1; no amount."""
    EQUALIZE = 13
    """Each channel's histogram is made level; no amount."""


GEOMETRIC = range(Operation.SHEAR_X, Operation.ROTATE + 1)
"""The operations that move pixels, which one warp does for all."""


def apply_operations(
    images: torch.Tensor, operations: torch.Tensor, amounts: torch.Tensor
) -> torch.Tensor:
    """Apply one operation to each image; images with the same one are one call.

    Args:
        images: [B, 1 or 3, H, W], in 0..1, on any device.
        operations: int64 [B], numbers of :class:`Operation`, on the CPU, so that grouping the
            images does not wait for the device.
        amounts: float32 [B], on the CPU; see :class:`Operation`.

    Returns:
        the changed images, [B, C, H, W], in 0..1.
    """
    is_geometric = (operations >= GEOMETRIC.start) & (operations < GEOMETRIC.stop)
    groups = operations.masked_fill(is_geometric, GEOMETRIC.start)
    counts = groups.bincount(minlength=len(Operation)).tolist()
    order = groups.argsort(stable=True).to(images.device, non_blocking=True)
    operations = operations.to(images.device, non_blocking=True)
    amounts = amounts.to(images.device, non_blocking=True)
    changed = images.clone(memory_format=torch.contiguous_format)
    for operation, rows in zip(Operation, order.split(counts), strict=True):
        if operation is Operation.IDENTITY or not len(rows):
            continue
        some, some_amounts = images.index_select(0, rows), amounts[rows]
        if operation in GEOMETRIC:
            size = (images.shape[2], images.shape[3])
            maps = maps_of_operations(operations[rows], some_amounts, size)
            result = warp(some, maps, size)
        else:
            result = PIXEL_OPERATIONS[operation](some, some_amounts)
        changed.index_copy_(0, rows, result)
    return changed


def maps_of_operations(
    operations: torch.Tensor, amounts: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """Return the maps of operations, [B, 3, 3]; one that moves no pixels has the identity.

    Args:
        operations: int64 [B], numbers of :class:`Operation`.
        amounts: float32 [B].
        size: (height, width) of the images, in pixels.
    """
    height, width = size

    def amount_where(operation: Operation) -> torch.Tensor:
        return amounts.where(operations == operation, 0)

    shears = shear(amount_where(Operation.SHEAR_X), amount_where(Operation.SHEAR_Y))
    turns = rotation(amount_where(Operation.ROTATE))
    shifts = translation(
        amount_where(Operation.TRANSLATE_X).trunc(), amount_where(Operation.TRANSLATE_Y).trunc()
    )
    # the corner of the image lies half a pixel outside the centre of its first pixel
    return shifts @ about(((width - 1) / 2, (height - 1) / 2), turns) @ about((-0.5, -0.5), shears)


def _brightness(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    return adjust_brightness_accumulative(images, 1 + amounts)


def _colour(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    return adjust_saturation_with_gray_subtraction(images, 1 + amounts)


def _contrast(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    return adjust_contrast_with_mean_subtraction(images, 1 + amounts)


def _sharpness(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    if min(images.shape[2:]) < 3:  # only border pixels, which smoothing leaves as they are
        return images
    # A 3 x 3 mean with weight 5 in the middle, of 13, as sums of shifted images: a convolution's
    # algorithm, and so its rounding, can depend on the number of images.
    rows = images[:, :, :-2] + images[:, :, 1:-1] + images[:, :, 2:]
    sums = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    smooth = images.clone()
    inner = smooth[:, :, 1:-1, 1:-1]
    inner.copy_((sums + 4 * inner) / 13)
    return torch.lerp(smooth, images, 1 + amounts[:, None, None, None]).clamp(0, 1)


def _posterize(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    # kornia's cuts to the next lower level: 15.9999 of 255, which a warp makes of 16, would be 0
    size = (2 ** amounts.round())[:, None, None, None]
    return ((images * LEVELS).round() / size).floor() * size / LEVELS


def _solarize(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    # rounded, or a value that a warp leaves just below the threshold would not be inverted
    inverted = (images * LEVELS).round() >= LEVELS - amounts[:, None, None, None]
    return torch.where(inverted, 1 - images, images)


def _autocontrast(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    low = images.amin(dim=(2, 3), keepdim=True)
    span = images.amax(dim=(2, 3), keepdim=True) - low
    return torch.where(span > 0, (images - low) / span, images)


def _equalize(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    return equalize((images * LEVELS).round() / LEVELS)


PIXEL_OPERATIONS: dict[Operation, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    Operation.BRIGHTNESS: _brightness,
    Operation.COLOUR: _colour,
    Operation.CONTRAST: _contrast,
    Operation.SHARPNESS: _sharpness,
    Operation.POSTERIZE: _posterize,
    Operation.SOLARIZE: _solarize,
    Operation.AUTOCONTRAST: _autocontrast,
    Operation.EQUALIZE: _equalize,
}
"""Functions of images [B, C, H, W] and amounts [B]."""
