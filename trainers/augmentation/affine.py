"""Affine maps of the plane, one an image, and the warp of images by them.

A map is a matrix that takes a source pixel (x, y, 1) to its place (x', y', 1). Coordinates are in
pixels, x to the right and y down, with the centres of pixels at whole numbers from 0.
"""

from __future__ import annotations

import torch
from kornia.geometry.transform import warp_affine


def affine(
    xx: torch.Tensor,
    xy: torch.Tensor,
    x: torch.Tensor,
    yx: torch.Tensor,
    yy: torch.Tensor,
    y: torch.Tensor,
) -> torch.Tensor:
    """Return the maps (x, y) -> (xx x + xy y + x, yx x + yy y + y), [B, 3, 3], from entries [B]."""
    zero, one = torch.zeros_like(xx), torch.ones_like(xx)
    return torch.stack([xx, xy, x, yx, yy, y, zero, zero, one], dim=1).view(-1, 3, 3)


def translation(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the shifts by x to the right and y down, [B, 3, 3], from [B] each. Unit: pixels."""
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return affine(one, zero, x, zero, one, y)


def scaling(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the zooms about (0, 0), [B, 3, 3], from factors [B]; -1 mirrors."""
    zero = torch.zeros_like(x)
    return affine(x, zero, zero, zero, y, zero)


def rotation(degrees: torch.Tensor) -> torch.Tensor:
    """Return the rotations about (0, 0), clockwise on the screen, [B, 3, 3], from [B]."""
    radians = torch.deg2rad(degrees)
    zero, cosine, sine = torch.zeros_like(radians), radians.cos(), radians.sin()
    return affine(cosine, -sine, zero, sine, cosine, zero)


def shear(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the shears along x, then along y, [B, 3, 3].

    Args:
        x: pixels to the right for each pixel down, [B].
        y: pixels down for each pixel to the right, [B].
    """
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return affine(one, x, zero, y, 1 + x * y, zero)


def about(point: tuple[float, float], maps: torch.Tensor) -> torch.Tensor:
    """Return maps [B, 3, 3] with their origin moved to a point (x, y)."""
    x, y = (maps.new_full((len(maps),), value) for value in point)
    return translation(x, y) @ maps @ translation(-x, -y)


def warp(images: torch.Tensor, maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Move each image by its map; bilinear, black (0) outside the source.

    Args:
        images: [B, C, H, W], floating.
        maps: [B, 3, 3], invertible.
        size: (height, width) of the result, in pixels.

    Returns:
        [B, C, *size].
    """
    return warp_affine(images, maps[:, :2], size)
