"""Checks of attention's operands, so that an error comes before any kernel runs.

They leave out calls that ``torch.jit.trace`` makes, as counters of operations do: sizes are tensors
there, and each comparison of one would warn.

Legend: as in :mod:`search_space.attention.operands`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def check_maps(q: Tensor, k: Tensor | None, v: Tensor) -> None:
    """Check that queries, keys and values fit together.

    Raises:
        ValueError: shapes, devices or types differ, or attention does not support them.
    """
    if torch.jit.is_tracing():
        return
    if (
        q.dim() != 5
        or (k is not None and k.shape != q.shape)
        or v.shape[:2] + v.shape[3:] != q.shape[:2] + q.shape[3:]
        or any(size == 0 for size in (*q.shape[1:], v.shape[2]))
    ):
        raise ValueError(
            "q and k must be [B, h, d, H, W] and v [B, h, e, H, W], none but B zero, got "
            f"q {[*q.shape]}, k {None if k is None else [*k.shape]}, v {[*v.shape]}"
        )
    others = [v] if k is None else [k, v]
    if any(x.dtype != q.dtype for x in others) or not q.dtype.is_floating_point:
        raise ValueError(
            "q, k and v must have one dtype, of real numbers, got "
            f"{q.dtype}, {None if k is None else k.dtype}, {v.dtype}"
        )
    if any(x.device != q.device for x in others):
        raise ValueError(
            "q, k and v must be on one device, got "
            f"{q.device}, {None if k is None else k.device}, {v.device}"
        )


def check_block(q: Tensor, block: int) -> None:
    """Check that blocks tile the map.

    Raises:
        ValueError: they do not.
    """
    if torch.jit.is_tracing():
        return
    if block < 1 or q.shape[3] % block or q.shape[4] % block:
        raise ValueError(
            f"block must divide the map, got block={block}, map {q.shape[3]}x{q.shape[4]}"
        )


def check_tables(
    q: Tensor,
    k: Tensor | None,
    rows: Tensor | None,
    columns: Tensor | None,
    table_rows: tuple[int, int],
) -> None:
    """Check that the position tables fit queries that :func:`check_maps` has passed.

    Raises:
        ValueError: one table alone, neither keys nor tables, or shapes, devices or types that do
            not fit.
    """
    if torch.jit.is_tracing():
        return
    if rows is None and columns is None:
        if k is None:
            raise ValueError("attention without keys (k=None) needs rows and columns")
        return
    if rows is None or columns is None:
        raise ValueError("rows and columns must be given together")
    heads, width = q.shape[1], q.shape[2]
    shapes = f"got rows {[*rows.shape]}, columns {[*columns.shape]}"
    if rows.dim() != 3 or columns.dim() != 3:
        raise ValueError(f"position tables must be [1 or h, rows, width], {shapes}")
    widths = rows.shape[2], columns.shape[2]
    if (rows.shape[1], columns.shape[1]) != table_rows or (
        widths != (width, width) and (sum(widths) != width or 0 in widths)
    ):
        raise ValueError(
            f"position tables must have {table_rows} rows and widths of {width} each or in sum, "
            f"{shapes}"
        )
    if rows.shape[0] not in (1, heads) or columns.shape[0] not in (1, heads):
        raise ValueError(
            f"position tables must be shared or one for each of {heads} heads, {shapes}"
        )
    for table in (rows, columns):
        if table.device != q.device or not table.dtype.is_floating_point:
            raise ValueError(
                f"position tables must be real numbers on {q.device}, got {table.dtype} on "
                f"{table.device}"
            )
