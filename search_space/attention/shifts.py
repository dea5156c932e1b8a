"""Local relative 2-D attention as a loop over the window's shifts.

Never materialises the windows: memory grows with k^2 logits a pixel and head, not with k^2
channels, so it serves maps on which :mod:`search_space.attention.dense` would not fit.

Legend: as in :mod:`search_space.attention.dense`; s = k^2 positions of the window, row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

import torch
from torch import Tensor

from search_space.attention.dense import Gradients, split_position_query

Region = tuple[slice, slice]


def window_shifts(extent: int, height: int, width: int) -> Iterator[tuple[int, Region, Region]]:
    """Each window position s with the queries it exists for and the keys that those see there."""
    radius = extent // 2
    for s in range(extent * extent):
        down, right = s // extent - radius, s % extent - radius
        if abs(down) >= height or abs(right) >= width:
            continue
        queries = (_inside(-down, height), _inside(-right, width))
        keys = (_inside(down, height), _inside(right, width))
        yield s, queries, keys


def shifts_forward(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    extent: int,
    border: str,
) -> tuple[Tensor, Tensor]:
    """Attention output ``[B, h, e, H, W]`` and probabilities ``[B, h, s, H, W]``.

    Args:
        q: queries, already scaled, ``[B, h, d, H, W]``.
        k: keys, ``[B, h, d, H, W]``, or None for logits of position alone.
        v: values, ``[B, h, e, H, W]``.
        rows: row table ``[g, extent, d or d/2]``, or None.
        columns: column table, likewise.
        extent: side of the window, odd.
        border: ``masked`` (positions off the map do not exist) or ``zeros`` (they have zero key
            and value, and keep their share of the softmax).
    """
    batch, heads, _, height, width = q.shape
    logits = q.new_zeros(batch, heads, extent * extent, height, width)
    if border == "masked":
        logits.fill_(-torch.inf)
    shifts = list(window_shifts(extent, height, width))
    for s, (qy, qx), (ky, kx) in shifts:
        content = 0.0 if k is None else (q[..., qy, qx] * k[..., ky, kx]).sum(2)
        logits[:, :, s, qy, qx] = content
    if rows is not None and columns is not None:
        q_row, q_column = split_position_query(q, rows)
        grid = logits.view(batch, heads, extent, extent, height, width)
        grid += _table_logits(q_row, rows)[:, :, :, None]
        grid += _table_logits(q_column, columns)[:, :, None]
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    probabilities = torch.softmax(logits, dim=2, dtype=wide).to(q.dtype)
    out = v.new_zeros(v.shape)  # contiguous whatever v's strides are, as the operator promises
    for s, (qy, qx), (ky, kx) in shifts:
        out[..., qy, qx] += probabilities[:, :, s, None, qy, qx] * v[..., ky, kx]
    return out, probabilities


def shifts_backward(
    grad_out: Tensor,
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    out: Tensor,
    probabilities: Tensor,
) -> Gradients:
    """Gradients of q, k, v and both tables, from the saved output and probabilities."""
    batch, heads, _, height, width = q.shape
    extent = isqrt(probabilities.shape[2])
    shifts = list(window_shifts(extent, height, width))
    grad_p = torch.zeros_like(probabilities)
    grad_v = torch.zeros_like(v)
    for s, (qy, qx), (ky, kx) in shifts:
        grad_here = grad_out[..., qy, qx]
        grad_p[:, :, s, qy, qx] = (grad_here * v[..., ky, kx]).sum(2)
        grad_v[..., ky, kx] += probabilities[:, :, s, None, qy, qx] * grad_here
    # The softmax's inner product over all keys is grad_out . out of the query, a far smaller sum.
    grad_logits = grad_p.sub_((grad_out * out).sum(2, keepdim=True)).mul_(probabilities)
    grad_q, grad_k = torch.zeros_like(q), None
    if k is not None:
        grad_k = torch.zeros_like(k)
        for s, (qy, qx), (ky, kx) in shifts:
            weight = grad_logits[:, :, s, None, qy, qx]
            grad_q[..., qy, qx] += weight * k[..., ky, kx]
            grad_k[..., ky, kx] += weight * q[..., qy, qx]
    if rows is None or columns is None:
        return grad_q, grad_k, grad_v, None, None

    q_row, q_column = split_position_query(q, rows)
    g_row, g_column = split_position_query(grad_q, rows)
    grid = grad_logits.view(batch, heads, extent, extent, height, width)
    grad_rows = _table_backward(grid.sum(3), q_row, g_row, rows)
    grad_columns = _table_backward(grid.sum(2), q_column, g_column, columns)
    return grad_q, grad_k, grad_v, grad_rows, grad_columns


def _inside(shift: int, length: int) -> slice:
    return slice(max(0, shift), length + min(0, shift))


def _table_logits(q: Tensor, table: Tensor) -> Tensor:
    """``[B, h, d, H, W]`` with ``[g, K, d]`` to ``[B, h, K, H, W]``."""
    return torch.einsum("bhdyx,hkd->bhkyx", q, table.expand(q.shape[1], -1, -1))


def _table_backward(grad_axis: Tensor, q: Tensor, grad_q: Tensor, table: Tensor) -> Tensor:
    """Add one axis's part to ``grad_q`` in place; return the table's gradient ``[g, K, d]``."""
    heads = q.shape[1]
    grad_q += torch.einsum("bhkyx,hkd->bhdyx", grad_axis, table.expand(heads, -1, -1))
    grad_table = torch.einsum("bhkyx,bhdyx->hkd", grad_axis, q)
    return grad_table if table.shape[0] == heads else grad_table.sum(0, keepdim=True)
