"""Relative 2-D attention over all pairs of pixels, global or masked to a window.

The fastest eager form on small maps: one product for the content logits, one for each axis of
the position logits, and a saved attention matrix for the backward pass. Memory grows with (HW)^2.

Legend: B batch, h heads, d key width of a head, e value width of a head, H x W the map, N = H W,
K rows of a position table, g 1 or h (a table shared by the heads, or one for each).
"""

from __future__ import annotations

import torch
from torch import Tensor

Gradients = tuple[Tensor, Tensor | None, Tensor, Tensor | None, Tensor | None]
"""Of q, k, v, rows and columns."""


def axis_offsets(length: int, table_rows: int, device: torch.device) -> Tensor:
    """Which table row serves query i and key j on one axis: ``[L, L]``, clamped at the ends.

    A table of K rows holds the offsets -(K // 2) .. K // 2, so row ``j - i + K // 2``.
    """
    position = torch.arange(length, device=device)
    offset = position[None, :] - position[:, None] + table_rows // 2
    return offset.clamp_(0, table_rows - 1)


def beyond(length: int, extent: int, device: torch.device) -> Tensor:
    """True where a key lies outside the query's window on one axis: ``[L, L]``."""
    position = torch.arange(length, device=device)
    return (position[None, :] - position[:, None]).abs() > extent // 2


def split_position_query(q: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The parts of q that meet the row and the column table: halves, or the whole for both.

    AACN adds two full-width terms (its tables are d wide); SASA concatenates two half-width
    embeddings (its tables' widths add up to d).
    """
    row_width = rows.shape[-1]
    if row_width == q.shape[2]:
        return q, q
    return q[:, :, :row_width], q[:, :, row_width:]


def dense_forward(
    q: Tensor, k: Tensor | None, v: Tensor, rows: Tensor | None, columns: Tensor | None, extent: int
) -> tuple[Tensor, Tensor]:
    """Attention output ``[B, h, e, H, W]`` and probabilities ``[B, h, N, N]``.

    Args:
        q: queries, already scaled, ``[B, h, d, H, W]``.
        k: keys, ``[B, h, d, H, W]``, or None for logits of position alone.
        v: values, ``[B, h, e, H, W]``.
        rows: row table ``[g, K, d or d/2]``, or None for no position encoding.
        columns: column table, likewise.
        extent: side of the window around each query; 0 attends to the whole map.
    """
    batch, heads, _, height, width = q.shape
    if k is None:
        logits = q.new_zeros(batch, heads, height * width, height * width)
    else:
        logits = q.flatten(3).transpose(-1, -2) @ k.flatten(3)
    if rows is not None and columns is not None:
        q_row, q_column = split_position_query(q, rows)
        row_table = rows[:, axis_offsets(height, rows.shape[1], q.device)]
        column_table = columns[:, axis_offsets(width, columns.shape[1], q.device)]
        # [B, h, y, x, z] for the key's row z, and for its column z.
        row_logits = _row_logits(q_row, row_table)
        column_logits = _row_logits(q_column.transpose(-1, -2), column_table).transpose(2, 3)
        if extent:  # on the small logits, before they spread over all pairs
            far = beyond(height, extent, q.device)[:, None, :]
            row_logits = row_logits.masked_fill(far, -torch.inf)
            column_logits = column_logits.masked_fill(beyond(width, extent, q.device), -torch.inf)
        pairs = logits.view(batch, heads, height, width, height, width)
        pairs += row_logits[..., None]
        pairs += column_logits[..., None, :]
    elif extent:
        far_row = beyond(height, extent, q.device)[:, None, :, None]
        far_column = beyond(width, extent, q.device)[None, :, None, :]
        pixels = height * width
        logits.masked_fill_((far_row | far_column).reshape(pixels, pixels), -torch.inf)
    probabilities = torch.softmax(logits, dim=-1, dtype=_softmax_dtype(q)).to(q.dtype)
    out = v.flatten(3) @ probabilities.transpose(-1, -2)
    return out.view(batch, heads, v.shape[2], height, width), probabilities


def dense_backward(
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
    g_flat, v_flat = grad_out.flatten(3), v.flatten(3)
    grad_v = (g_flat @ probabilities).view_as(v)
    # The softmax's inner product over all keys is grad_out . out of the query, a far smaller sum.
    inner = (grad_out * out).sum(2).flatten(2)[..., None]
    grad_logits = (g_flat.transpose(-1, -2) @ v_flat).sub_(inner).mul_(probabilities)
    if k is None:
        grad_q, grad_k = q.new_zeros(q.shape), None
    else:
        grad_q = (k.flatten(3) @ grad_logits.transpose(-1, -2)).view(q.shape)
        grad_k = (q.flatten(3) @ grad_logits).view(k.shape)
    if rows is None or columns is None:
        return grad_q, grad_k, grad_v, None, None

    pairs = grad_logits.view(batch, heads, height, width, height, width)
    q_row, q_column = split_position_query(q, rows)
    g_row, g_column = split_position_query(grad_q, rows)
    grad_rows = _table_backward(pairs.sum(-1), q_row, g_row, rows)
    grad_columns = _table_backward(
        pairs.sum(-2).transpose(2, 3),
        q_column.transpose(-1, -2),
        g_column.transpose(-1, -2),
        columns,
    )
    return grad_q, grad_k, grad_v, grad_rows, grad_columns


def _row_logits(q: Tensor, table: Tensor) -> Tensor:
    """``[B, h, d, y, x]`` with ``[g, y, z, d]`` to ``[B, h, y, x, z]``."""
    return torch.einsum("bhdyx,hyzd->bhyxz", q, table.expand(q.shape[1], -1, -1, -1))


def _table_backward(grad_axis: Tensor, q: Tensor, grad_q: Tensor, table: Tensor) -> Tensor:
    """Add one axis's part to ``grad_q`` in place; return the table's gradient ``[g, K, d]``."""
    heads, length = q.shape[1], q.shape[3]
    offsets = axis_offsets(length, table.shape[1], q.device)
    gathered = table[:, offsets].expand(heads, -1, -1, -1)
    grad_q += torch.einsum("bhyxz,hyzd->bhdyx", grad_axis, gathered)
    grad_gathered = torch.einsum("bhyxz,bhdyx->hyzd", grad_axis, q)
    grad_table = table.new_zeros(heads, table.shape[1], table.shape[2])
    grad_table.index_add_(1, offsets.flatten(), grad_gathered.flatten(1, 2))
    return grad_table if table.shape[0] == heads else grad_table.sum(0, keepdim=True)


def _softmax_dtype(q: Tensor) -> torch.dtype:
    return torch.float64 if q.dtype == torch.float64 else torch.float32
