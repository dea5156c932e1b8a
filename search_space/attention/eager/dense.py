"""2-D relative attention over all pairs of pixels: for global attention, and windows on small maps.

The logits, masks included, are one product of matrices (:mod:`.positions`), and so is every
gradient. Beside these products, the forward pass reads the pairs four times and the backward pass
twice. Pairs are not kept: the backward pass computes them again from the lse, which is one more
channel. Logits are to base 2: PyTorch's exp2 is several times faster than its exp on a CPU.

Legend: b images, h heads, n = b h, d key width, e value width, N = H W pixels. The channels of a
query and a key are the content, the key rows, the key columns and, backwards, one for the lse.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from search_space.attention.eager.positions import LN_2, LOG2_E, FoldedTable, key_places
from search_space.attention.operands import Gradients, Operands, split_position_query


class Workspace:
    """Memory that all slices of a call use, one after the other.

    Fresh pages cost more than the computation on them, so the slices share their memory. The parts
    that are equal in every slice (places of the keys, channels of ones) are written once.
    """

    def __init__(self, operands: Operands, *, backward: bool) -> None:
        """Allocate for slices up to the size of ``operands``."""
        like = operands.q
        images, heads, _, height, width = like.shape
        maps, pixels = images * heads, height * width
        self.content = 0 if operands.k is None else operands.q.shape[2]
        positional = operands.rows is not None or operands.extent > 0
        self.places = height + width if positional else 0
        channels = self.content + self.places + backward
        values = operands.v.shape[2] + backward
        self.queries = like.new_empty(maps, channels, pixels)
        self.keys = like.new_empty(maps, channels, pixels)
        self.values = like.new_empty(maps, values, pixels)
        self.pairs = like.new_empty(1 + backward, maps, pixels, pixels)
        if positional:
            places = key_places(height, width, like).flatten(1)
            self.keys[:, self.content : self.content + self.places] = places
        if backward:
            self.keys[:, -1] = 1
            self.values[:, -1] = 1
            self.grads = like.new_empty(maps, values, pixels)


class Folded(NamedTuple):
    """The factors whose product is a slice's logits."""

    q: Tensor  # scaled, to base 2: [b, h, d, H, W]
    queries: Tensor  # [n, channels, N]
    keys: Tensor  # [n, channels, N]
    tables: tuple[FoldedTable, FoldedTable] | None


def forward(operands: Operands, workspace: Workspace) -> tuple[Tensor, Tensor]:
    """Compute output and lse of a slice."""
    q, queries, keys, _ = _fold(operands, workspace)
    maps = len(queries)
    values = workspace.values[:maps]
    values.view(operands.v.shape).copy_(operands.v)
    pairs = torch.bmm(queries.transpose(1, 2), keys, out=workspace.pairs[0, :maps])
    largest = pairs.amax(2, keepdim=True)
    total = pairs.sub_(largest).exp2_().sum(2, keepdim=True)
    out = (values @ pairs.transpose(1, 2)).div_(total.transpose(1, 2))
    lse = total.log2_().add_(largest).mul_(LN_2)
    return out.view(operands.v.shape), lse.view(*q.shape[:2], *q.shape[3:])


def backward(
    grad_out: Tensor, operands: Operands, out: Tensor, lse: Tensor, workspace: Workspace
) -> Gradients:
    """Compute gradients of a slice, those of the tables for each head by itself."""
    q, queries, keys, tables = _fold(operands, workspace)
    content, maps = workspace.content, len(queries)
    queries[:, -1] = (lse * -LOG2_E).view(maps, -1)
    probabilities = torch.bmm(queries.transpose(1, 2), keys, out=workspace.pairs[0, :maps])
    probabilities.exp2_()
    # The softmax's inner product over the keys is grad_out . out of the query, a far smaller sum.
    grads, values = workspace.grads[:maps], workspace.values[:maps]
    grads[:, :-1].view(operands.v.shape).copy_(grad_out)
    grads[:, -1] = (grad_out * out).sum(2).neg_().view(maps, -1)
    values[:, :-1].view(operands.v.shape).copy_(operands.v)
    slopes = torch.bmm(grads.transpose(1, 2), values, out=workspace.pairs[1, :maps])
    slopes.mul_(probabilities)
    grad_v = (grads[:, :-1] @ probabilities).view(operands.v.shape)
    grad_k = None
    if operands.k is not None:
        grad_k = ((queries[:, :content] * LN_2) @ slopes).view(q.shape)
    grad_queries = keys[:, :-1] @ slopes.transpose(1, 2)
    grad_q = grad_queries[:, :content].view(q.shape) if content else torch.zeros_like(q)
    grad_rows = grad_columns = None
    if tables and operands.rows is not None:
        shape = (*q.shape[:2], -1, *q.shape[3:])
        by_row, by_column = grad_queries[:, content:].split([q.shape[3], q.shape[4]], dim=1)
        q_row, q_column = split_position_query(q, operands.rows)
        g_row, g_column = split_position_query(grad_q, operands.rows)
        grad_rows = tables[0].backward(by_row.view(shape), q_row, g_row)
        grad_columns = tables[1].backward(by_column.view(shape), q_column, g_column)
    return grad_q * operands.scale, grad_k, grad_v, grad_rows, grad_columns


def _fold(operands: Operands, workspace: Workspace) -> Folded:
    """Write all channels of a slice's queries and keys but that of the lse."""
    q, k, _, rows, columns = operands.tensors
    scaled = q * (LOG2_E * operands.scale)
    maps, content = q.shape[0] * q.shape[1], workspace.content
    queries, keys = workspace.queries[:maps], workspace.keys[:maps]
    tiled = queries.view(*q.shape[:2], -1, *q.shape[3:])
    if k is not None:
        tiled[:, :, :content] = scaled
        keys.view(tiled.shape)[:, :, :content] = k
    tables = None
    if workspace.places:
        tables = (
            FoldedTable(rows, q.shape[3], operands.radius[0], rows=True),
            FoldedTable(columns, q.shape[4], operands.radius[1], rows=False),
        )
        parts = (scaled, scaled) if rows is None else split_position_query(scaled, rows)
        middle = content + q.shape[3]
        tiled[:, :, content:middle] = tables[0].queries(parts[0])
        tiled[:, :, middle : content + workspace.places] = tables[1].queries(parts[1])
    return Folded(scaled, queries, keys, tables)
