"""2-D relative attention written out in standard operators, for files that others run.

The other implementations stand behind operators of this project, which no other program has. Here
queries are taken in blocks of 8 x 8, and each block attends to its own square with a halo of the
window's radius around it (Vaswani et al. 2021, "Scaling Local Self-Attention", arXiv 2103.12731,
section 3.1): one batched product, with (8 + k - 1)^2 logits a query, k the window's side. Global
attention is one block that is the map. What a query must not see, and its relative positions, are
added axis by axis, so that constants are small.

Legend: B batch, h heads, d key width, e value width, H x W the map; on one axis n blocks of s
queries, each of which sees t keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from search_space.attention.operands import Operands, split_position_query

BLOCK = 8
"""Side of a block of queries. Unit: pixels."""

HIDDEN = -1e4
"""A logit whose probability is zero; twice it is a float16 too."""


@dataclass(frozen=True)
class Axis:
    """An axis of the map, cut into blocks of queries."""

    length: int  # pixels
    side: int  # s
    halo: int  # keys before a block's first query, and after its last one
    radius: int  # of the window
    is_masked: bool  # there are no keys off the map

    @property
    def blocks(self) -> int:
        """The number n of blocks; the last one may reach off the map."""
        return -(-self.length // self.side)

    @property
    def seen(self) -> int:
        """The number t of keys that a block's queries see, or are hidden from them."""
        return self.side + 2 * self.halo

    @property
    def off_the_map(self) -> int:
        """Pixels of the last block that lie off the map."""
        return self.blocks * self.side - self.length

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Key minus query, ``[s, t]``. Unit: pixels."""
        return np.arange(self.seen) - self.halo - np.arange(self.side)[:, None]

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Places of each block's keys on the padded map, ``[n, t]``."""
        return np.arange(self.blocks)[:, None] * self.side + np.arange(self.seen)

    @property
    def hidden(self) -> NDArray[np.float32] | None:
        """The addition to the logits, ``[n, s, t]``; None where every key is seen."""
        seen = (np.abs(self.offsets) <= self.radius)[None]
        if self.is_masked:
            place = self.places[:, None] - self.halo
            seen = seen & (place >= 0) & (place < self.length)
        return None if seen.all() else np.where(seen, 0, HIDDEN).astype(np.float32)

    def of_queries(self, table: Tensor) -> Tensor:
        """Return each query's embeddings of its keys, ``[1 or h, s, t, c]``, of ``[..., c]``."""
        middle = table.shape[1] // 2
        index = np.clip(self.offsets + middle, 0, table.shape[1] - 1)
        chosen = table.index_select(1, _constant(index.flatten(), table))
        return chosen.unflatten(1, (self.side, self.seen))


def _constant(array: NDArray[Any], like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return a tensor of an array, on the device of ``like``; exporting keeps it as a constant."""
    return torch.tensor(array.tolist(), device=like.device, dtype=dtype)


def attention(operands: Operands) -> Tensor:
    """Compute the output ``[B, h, e, H, W]`` of a call, in the operands' type."""
    q, k, v, row_table, column_table = operands.tensors
    rows, columns = (_axis(operands, axis) for axis in (0, 1))
    scaled = q * operands.scale
    queries, keys = rows.side * columns.side, rows.seen * columns.seen  # of a block
    blocks = q.shape[0], q.shape[1], rows.blocks, columns.blocks
    # Terms of the logits, [B, h, n, n, s, s, t, t] or what broadcasts to it. Those of one axis are
    # added before they are as large as the logits, which are read and written once a sum.
    of_rows, of_columns, pairs = [], [], []
    if k is not None:
        of_blocks = _queries(scaled, rows, columns).reshape(-1, queries, q.shape[2])
        content = of_blocks @ _keys(k, rows, columns)
        pairs.append(content.reshape(*blocks, rows.side, columns.side, rows.seen, columns.seen))
    if row_table is not None and column_table is not None:
        row_q, column_q = split_position_query(scaled, row_table)
        by_row = _position_logits(_queries(row_q, rows, columns), row_table, rows)
        across = _queries(column_q, rows, columns).transpose(4, 5)
        by_column = _position_logits(across, column_table, columns).transpose(4, 5)
        of_rows.append(by_row[..., None])
        of_columns.append(by_column[..., None, :])
    if (hidden := rows.hidden) is not None:
        of_rows.append(_constant(hidden[:, None, :, None, :, None], q, q.dtype))
    if (hidden := columns.hidden) is not None:
        of_columns.append(_constant(hidden[:, None, :, None, :], q, q.dtype))
    pairs += [sum(terms[1:], terms[0]) for terms in (of_rows, of_columns) if terms]
    weights = sum(pairs[1:], pairs[0]).reshape(-1, queries, keys).softmax(-1)
    out = weights @ _keys(v, rows, columns).transpose(1, 2)
    return _map(out.reshape(*blocks, rows.side, columns.side, v.shape[2]), rows, columns)


def _axis(operands: Operands, axis: int) -> Axis:
    """Return how one axis of the map is cut; a window that covers it needs one block alone."""
    length, radius = operands.q.shape[3 + axis], operands.radius[axis]
    is_masked = operands.border == "masked"
    if is_masked and (not operands.extent or length <= BLOCK + radius):
        return Axis(length, side=length, halo=0, radius=radius, is_masked=False)
    return Axis(length, min(BLOCK, length), halo=radius, radius=radius, is_masked=is_masked)


def _position_logits(queries: Tensor, table: Tensor, axis: Axis) -> Tensor:
    """Return logits of position along one axis, ``[B, h, n, n, s, s, t]``.

    Args:
        queries: ``[B, h, n, n, s, s, c]``, the first s of this axis.
        table: ``[1 or h, K, c]``.
        axis: this axis.
    """
    embeddings = axis.of_queries(table.to(queries)).transpose(2, 3)  # [1 or h, s, c, t]
    return queries @ embeddings[:, None, None]


def _queries(x: Tensor, rows: Axis, columns: Axis) -> Tensor:
    """Cut queries into blocks, ``[B, h, c, H, W]`` to ``[B, h, n, n, s, s, c]``."""
    if rows.off_the_map or columns.off_the_map:
        x = F.pad(x, (0, columns.off_the_map, 0, rows.off_the_map))
    cut = x.reshape(*x.shape[:3], rows.blocks, rows.side, columns.blocks, columns.side)
    return cut.permute(0, 1, 3, 5, 4, 6, 2)


def _keys(x: Tensor, rows: Axis, columns: Axis) -> Tensor:
    """Cut keys or values for the blocks, ``[B, h, c, H, W]`` to ``[B h n n, c, t t]``."""
    before = (columns.halo, rows.halo)
    after = (columns.halo + columns.off_the_map, rows.halo + rows.off_the_map)
    if any(before + after):
        x = F.pad(x, (before[0], after[0], before[1], after[1]))
    for dim, axis in ((3, rows), (4, columns)):
        if axis.blocks > 1:
            x = x.index_select(dim, _constant(axis.places.flatten(), x))
    cut = x.reshape(*x.shape[:3], rows.blocks, rows.seen, columns.blocks, columns.seen)
    by_block = cut.permute(0, 1, 3, 5, 2, 4, 6)
    return by_block.reshape(-1, x.shape[2], rows.seen * columns.seen)


def _map(x: Tensor, rows: Axis, columns: Axis) -> Tensor:
    """Put blocks together, ``[B, h, n, n, s, s, e]`` to ``[B, h, e, H, W]``."""
    by_place = x.permute(0, 1, 6, 2, 4, 3, 5)
    size = rows.blocks * rows.side, columns.blocks * columns.side
    whole = by_place.reshape(*by_place.shape[:3], *size)
    if rows.off_the_map or columns.off_the_map:
        whole = whole[..., : rows.length, : columns.length]
    return whole
