"""The definition of 2-D relative attention in float64; every other form is compared with it.

Every query's keys and values are gathered and every logit is computed by itself. It runs on any
device that has float64; memory grows with the pairs times the width of a head.

Legend: as in :mod:`search_space.attention.operands`; n keys of a query on one axis, those off the
map included; pairs are ``[B, h, H, n, W, n]``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from search_space.attention.operands import (
    Gradients,
    Operands,
    arithmetic_dtype,
    empty_like_layout,
    split_position_query,
    table_gradient,
)


class Axis(NamedTuple):
    """The keys of every query along one axis, each ``[queries, n]``."""

    keys: Tensor  # their positions, those off the map moved to its ends
    inside: Tensor  # whether they are on the map
    table_rows: Tensor  # the rows of the position table for them


def problem(operands: Operands) -> str | None:
    """Return None: it computes any call."""
    return None


def forward(operands: Operands) -> tuple[Tensor, Tensor]:
    """Compute output and lse."""
    exact = operands.converted(Tensor.double, Tensor.double)
    logits = _logits(exact)
    lse = logits.transpose(3, 4).flatten(4).logsumexp(-1)
    probabilities = (logits - lse[:, :, :, None, :, None]).exp()
    out = torch.einsum("bhynxm,bheynxm->bheyx", probabilities, _gather(exact.v, exact))
    return empty_like_layout(operands.v).copy_(out), lse.to(arithmetic_dtype(operands.q.dtype))


def backward(grad_out: Tensor, operands: Operands, out: Tensor, lse: Tensor) -> Gradients:
    """Compute gradients of the five tensors; output and lse are computed again."""
    exact, grad = operands.converted(Tensor.double, Tensor.double), grad_out.double()
    q, k, v, rows, columns = exact.tensors
    logits = _logits(exact)
    shape = logits.shape
    probabilities = logits.transpose(3, 4).flatten(4).softmax(-1)
    probabilities = probabilities.view(*shape[:3], shape[4], shape[3], shape[5]).transpose(3, 4)
    slopes = torch.einsum("bheyx,bheynxm->bhynxm", grad, _gather(v, exact))
    slopes = slopes - (slopes * probabilities).sum((3, 5), keepdim=True)
    slopes = slopes * probabilities * operands.scale
    grad_v = _scatter(torch.einsum("bhynxm,bheyx->bheynxm", probabilities, grad), exact)
    grad_q, grad_k = torch.zeros_like(q), None
    if k is not None:
        grad_q += torch.einsum("bhynxm,bhdynxm->bhdyx", slopes, _gather(k, exact))
        grad_k = _scatter(torch.einsum("bhynxm,bhdyx->bhdynxm", slopes, q), exact)
    grad_rows = grad_columns = None
    if rows is not None and columns is not None:
        (q_row, q_column), (g_row, g_column) = (split_position_query(x, rows) for x in (q, grad_q))
        y, x = _axes(exact)
        of_rows, of_columns = slopes.sum(5).transpose(3, 4), slopes.sum(3).permute(0, 1, 3, 2, 4)
        grad_rows = _table_backward(of_rows, q_row, g_row, rows, y)
        grad_columns = _table_backward(
            of_columns, q_column.transpose(3, 4), g_column.transpose(3, 4), columns, x
        )
    return (
        empty_like_layout(operands.q).copy_(grad_q),
        None
        if operands.k is None or grad_k is None
        else empty_like_layout(operands.k).copy_(grad_k),
        empty_like_layout(operands.v).copy_(grad_v),
        table_gradient(grad_rows, operands.rows),
        table_gradient(grad_columns, operands.columns),
    )


def _axes(operands: Operands) -> tuple[Axis, Axis]:
    return tuple(  # type: ignore[return-value]
        _axis(length, radius, operands)
        for length, radius in zip(operands.q.shape[3:], operands.radius, strict=True)
    )


def _axis(length: int, radius: int, operands: Operands) -> Axis:
    queries = torch.arange(length, device=operands.q.device)
    if operands.extent:
        keys = queries[:, None] + torch.arange(-radius, radius + 1, device=queries.device)
    else:
        keys = queries.expand(length, length)
    inside = (keys >= 0) & (keys < length)
    return Axis(keys.clamp(0, length - 1), inside, keys - queries[:, None] + radius)


def _logits(operands: Operands) -> Tensor:
    """Return the logits of all pairs; minus infinity where a key does not exist."""
    q, k, _, rows, columns = operands.tensors
    y, x = _axes(operands)
    inside = y.inside[:, :, None, None] & x.inside
    logits = q.new_zeros(*q.shape[:2], *inside.shape)
    if k is not None:
        logits += torch.einsum("bhdyx,bhdynxm->bhynxm", q, _gather(k, operands))
    if rows is not None and columns is not None:
        q_row, q_column = split_position_query(q, rows)
        of_rows = torch.einsum("bhdyx,hynd->bhynx", q_row, _looked_up(rows, q, y))
        of_columns = torch.einsum("bhdyx,hxmd->bhyxm", q_column, _looked_up(columns, q, x))
        logits += of_rows[..., None] + of_columns[:, :, :, None]
    logits *= operands.scale
    return logits.masked_fill(~inside, -torch.inf) if operands.border == "masked" else logits


def _looked_up(table: Tensor, q: Tensor, axis: Axis) -> Tensor:
    """Look up a table ``[g, K, d]`` for every query and key: ``[h, queries, n, d]``."""
    return table[:, axis.table_rows].expand(q.shape[1], -1, -1, -1)


def _gather(source: Tensor, operands: Operands) -> Tensor:
    """Gather ``[B, h, d, H, W]`` at every query's keys: ``[B, h, d, H, n, W, n]``, zero off map."""
    y, x = _axes(operands)
    gathered = source[..., y.keys, :][..., x.keys]
    return gathered.masked_fill(~(y.inside[:, :, None, None] & x.inside), 0.0)


def _scatter(gathered: Tensor, operands: Operands) -> Tensor:
    """Apply the transpose of :func:`_gather`."""
    y, x = _axes(operands)
    gathered = gathered.masked_fill(~(y.inside[:, :, None, None] & x.inside), 0.0)
    height, width = operands.q.shape[3:]
    by_row = gathered.new_zeros(*gathered.shape[:3], height, *gathered.shape[5:])
    by_row.index_add_(3, y.keys.flatten(), gathered.flatten(3, 4))
    source = gathered.new_zeros(*gathered.shape[:3], height, width)
    return source.index_add_(4, x.keys.flatten(), by_row.flatten(4, 5))


def _table_backward(slopes: Tensor, q: Tensor, grad_q: Tensor, table: Tensor, axis: Axis) -> Tensor:
    """Add one axis's part to ``grad_q`` in place; return the table's gradient, head by head.

    ``slopes`` are ``[B, h, queries, across, n]``; in q the queries' axis comes first too.
    """
    grad_q += torch.einsum("bhyxn,hynd->bhdyx", slopes, _looked_up(table, q, axis))
    grad = torch.einsum("bhyxn,bhdyx->hynd", slopes, q).flatten(1, 2)
    by_head = table.new_zeros(q.shape[1], *table.shape[1:])
    return by_head.index_add_(1, axis.table_rows.flatten(), grad)
