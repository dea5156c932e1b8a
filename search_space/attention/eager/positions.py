"""Logits of position and masks of a window, folded into the product of queries and keys.

Each query has one number for each row of keys and one for each column: scaled q.r inside the
window, and a large negative number outside. They are further channels of the query. The keys have
one-hot rows and columns as further channels, so one product of matrices gives the whole logits.

Legend: b images, h heads, c channels, L pixels of one axis (H or W). Key rows and columns are
counted from the end, so that with the table in reverse, key s of query t has row s + t of it.
"""

from __future__ import annotations

from math import e, log, log2

import torch
from torch import Tensor

LOG2_E, LN_2 = log2(e), log(2)

OUT_OF_REACH = -1e30
"""A logit whose probability is zero, and whose sums stay finite."""


class FoldedTable:
    """A position table of one axis (or the mask alone, without one), scaled to base 2."""

    def __init__(self, table: Tensor | None, length: int, radius: int, *, rows: bool) -> None:
        self.rows = rows
        self.length = length
        self.table_rows = 2 * radius + 1
        reach = min(radius, length - 1)
        # Reversed offsets of keys from queries: those in the window among all, and in the table.
        self.seen = slice(length - 1 - reach, length + reach)
        self.of_table = slice(radius - reach, radius + reach + 1)
        self.table = None
        if table is not None:
            self.table = table.new_zeros(table.shape[0], 2 * length - 1, table.shape[2])
            self.table[:, self.seen] = table.flip(1)[:, self.of_table]

    def queries(self, q: Tensor) -> Tensor:
        """Return a logit for each query and each key row or column, ``[b, h, L, H, W]``.

        Args:
            q: the queries' part for this table, ``[b, h, c, H, W]``.
        """
        every = q.new_empty(*q.shape[:2], 2 * self.length - 1, *q.shape[3:])
        if self.table is None:
            every.zero_()
        else:
            torch.matmul(self.table, q.flatten(3), out=every.flatten(3))
        every[:, :, : self.seen.start] = OUT_OF_REACH
        every[:, :, self.seen.stop :] = OUT_OF_REACH
        return self._by_key(every)

    def backward(self, grad: Tensor, q: Tensor, grad_q: Tensor) -> Tensor | None:
        """Add these logits' gradient to ``grad_q``; return the table's gradient, head by head.

        Args:
            grad: the gradient of the result of :meth:`queries`.
            q: the argument of that call.
            grad_q: the gradient of the unscaled queries, without the factor ``scale``.
        """
        if self.table is None:
            return None
        every = q.new_zeros(*q.shape[:2], 2 * self.length - 1, *q.shape[3:])
        self._by_key(every).copy_(grad)
        flat = every.flatten(3)
        grad_q += (self.table.transpose(1, 2) @ flat).view(grad_q.shape)
        by_head = (flat @ q.flatten(3).transpose(2, 3)).sum(0) * LN_2
        whole = by_head.new_zeros(len(by_head), self.table_rows, by_head.shape[2])
        whole[:, self.of_table] = by_head[:, self.seen].flip(1)
        return whole

    def _by_key(self, every: Tensor) -> Tensor:
        """View the logits of all offsets by key: row s + t for key s of query t."""
        batch, head, offset, row, column = every.stride()
        steps = (row + offset, column) if self.rows else (row, column + offset)
        shape = (*every.shape[:2], self.length, *every.shape[3:])
        return every.as_strided(shape, (batch, head, offset, *steps))


def key_places(height: int, width: int, like: Tensor) -> Tensor:
    """Return each key's row and column, one-hot: ``[H + W, H, W]``."""
    y, x = (torch.eye(n, dtype=like.dtype, device=like.device).flip(0) for n in (height, width))
    return torch.cat([y[:, :, None].expand(-1, -1, width), x[:, None].expand(-1, height, -1)])
