"""A map as its square blocks, and back: attention inside blocks is global, with blocks as images.

Legend: as in :mod:`search_space.attention.operands`; b side of a block, Y x X blocks.
"""

from __future__ import annotations

from torch import Tensor


def to_blocks(x: Tensor, block: int) -> Tensor:
    """Cut maps into blocks, ``[B, h, d, Y b, X b] -> [B Y X, h, d, b, b]``."""
    split = x.unflatten(4, (-1, block)).unflatten(3, (-1, block))
    return split.permute(0, 3, 5, 1, 2, 4, 6).flatten(0, 2)


def from_blocks(x: Tensor, like: Tensor) -> Tensor:
    """Invert :func:`to_blocks`, contiguous; ``like`` has the map's B, H and W."""
    batch, _, _, height, width = like.shape
    block = x.shape[-1]
    split = x.unflatten(0, (batch, height // block, width // block))
    return split.permute(0, 3, 4, 1, 5, 2, 6).flatten(5).flatten(3, 4)
