"""Operands and gradients of 2-D relative attention, the same for every implementation.

Every implementation keeps the output and the lse for the backward pass, so any can compute the
backward pass of another's forward pass (:class:`search_space.attention.backends.Implementation`).

Legend: B batch, h heads, d key width of a head, e value width of a head, H x W the map, g 1 or h
(a table shared by the heads, or one for each), K rows of a position table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Operands(NamedTuple):
    """Inputs of one call, already checked to fit together; any strides.

    The output is the softmax of the logits ``scale * (q . k + q . r)`` over the attended keys,
    times the values. ``lse`` is the logarithm of the softmax's denominator, ``[B, h, H, W]`` in
    :func:`arithmetic_dtype`.
    """

    q: Tensor  # [B, h, d, H, W]
    k: Tensor | None  # [B, h, d, H, W]; None for logits of position alone
    v: Tensor  # [B, h, e, H, W]
    rows: Tensor | None  # [g, K, d or d_r]; None (then columns too) for no position encoding
    columns: Tensor | None  # [g, K, d or d - d_r]
    scale: float
    extent: int  # side of the window, odd; 0 for the whole map, with tables of 2 H - 1, 2 W - 1
    border: str  # of the window: "masked" or "zeros"

    @property
    def tensors(self) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None, Tensor | None]:
        """q, k, v, rows and columns."""
        return self[:5]

    def converted(
        self, maps: Callable[[Tensor], Tensor], tables: Callable[[Tensor], Tensor]
    ) -> Operands:
        """Apply ``maps`` to q, k and v, and ``tables`` to both tables."""
        q, k, v, rows, columns = self.tensors
        return self._replace(
            q=maps(q),
            k=None if k is None else maps(k),
            v=maps(v),
            rows=None if rows is None else tables(rows),
            columns=None if columns is None else tables(columns),
        )

    @property
    def radius(self) -> tuple[int, int]:
        """Rows and columns that a query sees on each side; offset o is row ``o + radius``."""
        if self.extent:
            return self.extent // 2, self.extent // 2
        return self.q.shape[-2] - 1, self.q.shape[-1] - 1


Gradients = tuple[Tensor, Tensor | None, Tensor, Tensor | None, Tensor | None]
"""Gradients of q, k, v, rows and columns, each in its tensor's type; None where that was None."""


def arithmetic_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the type of softmax and sums: float64 for float64, float32 for all others."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def table_gradient(by_head: Tensor | None, table: Tensor | None) -> Tensor | None:
    """Add gradients up to that of a position table, in its type; None if there is no table.

    ``by_head`` is ``[..., h, K, d]``.
    """
    if by_head is None or table is None:
        return None
    total = by_head.flatten(0, -4).sum(0) if by_head.dim() > 3 else by_head
    if len(table) != len(total):  # the heads share it
        total = total.sum(0, keepdim=True)
    return total.to(table.dtype)


def split_position_query(q: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the parts of q (width at dimension 2) for the row and the column table.

    AACN adds two terms of full width (its tables are d wide); SASA concatenates two embeddings
    (its tables' widths add up to d), each multiplied with its part of the query.
    """
    row_width = rows.shape[-1]
    if row_width == q.shape[2]:
        return q, q
    return q[:, :, :row_width], q[:, :, row_width:]


def empty_like_layout(like: Tensor) -> Tensor:
    """Make a dense tensor of the shape and type of ``like``, ``[B, h, e, H, W]``.

    Pixels are innermost in memory, or channels where ``like`` has them innermost: a network in
    ``channels_last`` stays in that layout.
    """
    batch, heads, width, height, length = like.shape
    if channels_innermost(like):
        pixels_first = like.new_empty((batch, height, length, heads, width))
        return pixels_first.permute(0, 3, 4, 1, 2)
    return like.new_empty((batch, heads, width, height, length))


def channels_innermost(x: Tensor) -> bool:
    """Return whether a head's channels are adjacent in memory and a row's pixels are not."""
    return x.stride(2) == 1 and x.stride(4) != 1
