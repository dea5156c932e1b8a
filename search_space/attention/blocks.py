"""2-D relative attention inside each square block of a map: dense attention with blocks as images.

Legend: as in :mod:`search_space.attention.dense`; b side of a block, Y x X blocks.
"""

from __future__ import annotations

from torch import Tensor

from search_space.attention.dense import Gradients, dense_backward, dense_forward


def to_blocks(x: Tensor, block: int) -> Tensor:
    """``[B, h, d, Y b, X b] -> [B Y X, h, d, b, b]``."""
    split = x.unflatten(4, (-1, block)).unflatten(3, (-1, block))
    return split.permute(0, 3, 5, 1, 2, 4, 6).flatten(0, 2)


def from_blocks(x: Tensor, like: Tensor) -> Tensor:
    """The inverse of :func:`to_blocks`, contiguous; ``like`` has the map's B, H and W."""
    batch, _, _, height, width = like.shape
    block = x.shape[-1]
    split = x.unflatten(0, (batch, height // block, width // block))
    return split.permute(0, 3, 4, 1, 5, 2, 6).flatten(5).flatten(3, 4)


def blocks_forward(
    q: Tensor, k: Tensor | None, v: Tensor, rows: Tensor | None, columns: Tensor | None, block: int
) -> tuple[Tensor, Tensor]:
    """Attention output ``[B, h, e, H, W]`` and probabilities ``[B Y X, h, b b, b b]``.

    Args:
        q: queries, already scaled, ``[B, h, d, H, W]``.
        k: keys, ``[B, h, d, H, W]``, or None for logits of position alone.
        v: values, ``[B, h, e, H, W]``.
        rows: row table ``[g, 2 b - 1, d or d/2]``, or None for no position encoding.
        columns: column table, likewise.
        block: b, which divides H and W.
    """
    keys = None if k is None else to_blocks(k, block)
    out, probabilities = dense_forward(
        to_blocks(q, block), keys, to_blocks(v, block), rows, columns, extent=0
    )
    return from_blocks(out, q), probabilities


def blocks_backward(
    grad_out: Tensor,
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    out: Tensor,
    probabilities: Tensor,
    block: int,
) -> Gradients:
    """Gradients of q, k, v and both tables, from the saved output and probabilities."""
    keys = None if k is None else to_blocks(k, block)
    grad_q, grad_k, grad_v, grad_rows, grad_columns = dense_backward(
        to_blocks(grad_out, block),
        to_blocks(q, block),
        keys,
        to_blocks(v, block),
        rows,
        columns,
        to_blocks(out, block),
        probabilities,
    )
    return (
        from_blocks(grad_q, q),
        None if grad_k is None else from_blocks(grad_k, q),
        from_blocks(grad_v, q),
        grad_rows,
        grad_columns,
    )
