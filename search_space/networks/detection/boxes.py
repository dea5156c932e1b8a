"""Anchors, and boxes from the offsets that a head predicts.

Source: Lin et al. 2017, arXiv 1708.02002, section 4; the offsets, Ren et al. 2015, "Faster R-CNN",
arXiv 1506.01497, equation 2. Boxes are (left, top, right, bottom) in pixels of the image, whose top
left corner is (0, 0) and whose right and bottom edges lie at its width and height.
"""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from search_space.counts import strided
from search_space.detector import ASPECT_RATIOS, Detector

LARGEST_LOG_SIZE = log(1000 / 16)
"""The largest offset of a side's logarithm, so that an untrained head overflows nothing."""


def anchor_boxes(detector: Detector, image_hw: tuple[int, int]) -> Tensor:
    """Return the anchors ``[N, 4]`` of an image, float32, by level, row, column, size and ratio.

    At level l they are centred on the pixels' middles, ``(i + 1/2) 2^l``. Scale s of S is a square
    of side ``anchor_scale 2^(l + s / S)``; each has the aspect ratios (height over width) 1/2, 1
    and 2 with the area of its square. Anchors may reach beyond the image.
    """
    return torch.cat([_level(detector, level, image_hw) for level in detector.levels])


def decoded_boxes(offsets: Tensor, anchors: Tensor, image_hw: tuple[int, int]) -> Tensor:
    """Return the boxes ``[..., N, 4]`` of ``offsets`` ``[..., N, 4]`` from ``anchors`` ``[N, 4]``.

    An offset is (x, y, w, h): the shift of the centre over the anchor's sides, and the logarithms
    of the sides over the anchor's, of at most log(1000 / 16). Boxes are cut at the image's edges.
    """
    sizes = anchors[:, 2:] - anchors[:, :2]
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2 + offsets[..., :2] * sizes
    half = sizes * offsets[..., 2:].clamp(max=LARGEST_LOG_SIZE).exp() / 2
    corners = torch.cat([centres - half, centres + half], dim=-1)
    height, width = image_hw
    edges = corners.new_tensor([width, height, width, height])
    return corners.clamp(min=0).minimum(edges)


def _level(detector: Detector, level: int, image_hw: tuple[int, int]) -> Tensor:
    stride = 2**level
    rows, columns = ((torch.arange(n) + 0.5) * stride for n in strided(image_hw, stride))
    shapes = _shapes(detector) * (detector.anchor_scale * stride)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    centres = torch.stack([x, y], dim=-1)[:, :, None]  # [H, W, 1, 2]
    half = shapes / 2  # [A, 2]
    return torch.cat([centres - half, centres + half], dim=-1).flatten(0, 2)


def _shapes(detector: Detector) -> Tensor:
    """Return (width, height) ``[A, 2]`` of the anchors at a position, of a first side of 1."""
    scales = 2 ** (torch.arange(detector.scales) / detector.scales)
    ratios = torch.tensor(ASPECT_RATIOS)
    sides = torch.stack([ratios**-0.5, ratios**0.5], dim=-1)
    return (scales[:, None, None] * sides).flatten(0, 1)
