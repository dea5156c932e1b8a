"""The ``cpp`` implementation: local attention on the CPU by a kernel in C++.

Legend: as in :mod:`search_space.attention.operands`.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from search_space.attention.cpp import build
from search_space.attention.operands import (
    Gradients,
    Operands,
    arithmetic_dtype,
    empty_like_layout,
    table_gradient,
)

LARGEST_EXTENT = 31
"""The limit of the C++ source, whose stack holds the logits of a window."""


class Map(ctypes.Structure):
    """``Map5`` of the C++ source: ``[B, h, channels, H, W]`` by strides in elements."""

    _fields_ = (("data", ctypes.c_void_p), ("stride", ctypes.c_int64 * 5))

    @classmethod
    def of(cls, tensor: Tensor | None) -> Map:
        """Describe ``tensor``; None is a null pointer."""
        if tensor is None:
            return cls()
        return cls(tensor.data_ptr(), (ctypes.c_int64 * 5)(*tensor.stride()))


NUMBERS = (
    *("batch", "heads", "key_width", "value_width", "height", "width", "extent"),
    *("border_zeros", "threads", "table_heads", "row_width", "column_width", "columns_from"),
)
MAPS = ("q", "k", "v", "out", "lse", "grad_out", "grad_q", "grad_k", "grad_v")
TABLES = ("rows", "columns", "grad_rows", "grad_columns")


class CallStructure(ctypes.Structure):
    """``Call`` of the C++ source."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in NUMBERS),
        ("scale", ctypes.c_double),
        *((name, Map) for name in MAPS),
        *((name, ctypes.c_void_p) for name in TABLES),
    )


def problem(operands: Operands) -> str | None:
    """Return why it cannot compute this call: not local, not on the CPU, or no compiler."""
    if operands.q.device.type != "cpu":
        return f"computes on the CPU, got a tensor on {operands.q.device.type}"
    if not operands.extent:
        return "computes local attention alone, got a global one"
    if operands.extent > LARGEST_EXTENT:
        return f"computes windows up to {LARGEST_EXTENT}, got extent={operands.extent}"
    return build.problem()


def forward(operands: Operands) -> tuple[Tensor, Tensor]:
    """Compute output and lse."""
    typed = _typed(operands)
    out = empty_like_layout(typed.v)
    lse = typed.q.new_empty((*typed.q.shape[:2], *typed.q.shape[3:]))
    _run("forward", typed, {"out": out, "lse": lse[:, :, None]}, {})
    return out.to(operands.v.dtype), lse


def backward(grad_out: Tensor, operands: Operands, out: Tensor, lse: Tensor) -> Gradients:
    """Compute gradients of the five tensors."""
    typed = _typed(operands)
    q, k, v, rows, columns = typed.tensors
    grad_q, grad_v = empty_like_layout(q), empty_like_layout(v)
    grad_k = None if k is None else empty_like_layout(k)
    by_map = [
        None if table is None else q.new_empty(*q.shape[:2], *table.shape[1:])
        for table in (rows, columns)
    ]
    maps = {
        "out": out.to(q.dtype),
        "lse": lse[:, :, None],
        "grad_out": grad_out.to(q.dtype),
        "grad_q": grad_q,
        "grad_k": grad_k,
        "grad_v": grad_v,
    }
    _run("backward", typed, maps, {"grad_rows": by_map[0], "grad_columns": by_map[1]})
    dtype = operands.q.dtype
    return (
        grad_q.to(dtype),
        None if grad_k is None else grad_k.to(dtype),
        grad_v.to(dtype),
        table_gradient(by_map[0], operands.rows),
        table_gradient(by_map[1], operands.columns),
    )


def _typed(operands: Operands) -> Operands:
    """Convert to the arithmetic type, with contiguous tables."""
    dtype = arithmetic_dtype(operands.q.dtype)
    rows, columns = operands.rows, operands.columns
    if rows is not None and columns is not None and len(rows) != len(columns):
        # The kernel takes both tables as shared, or both with one for each head.
        heads = operands.q.shape[1]
        rows, columns = (table.expand(heads, -1, -1) for table in (rows, columns))
        operands = operands._replace(rows=rows, columns=columns)
    return operands.converted(lambda x: x.to(dtype), lambda x: x.to(dtype).contiguous())


def _run(
    name: str,
    operands: Operands,
    maps: dict[str, Tensor | None],
    grad_tables: dict[str, Tensor | None],
) -> None:
    q, k, v, rows, columns = operands.tensors
    if not q.numel():
        return
    batch, heads, key_width, height, width = q.shape
    row_width, column_width = (0 if t is None else t.shape[2] for t in (rows, columns))
    call = CallStructure(
        batch=batch,
        heads=heads,
        key_width=key_width,
        value_width=v.shape[2],
        height=height,
        width=width,
        extent=operands.extent,
        border_zeros=operands.border == "zeros",
        threads=torch.get_num_threads(),
        table_heads=0 if rows is None else rows.shape[0],
        row_width=row_width,
        column_width=column_width,
        columns_from=0 if row_width == key_width else row_width,
        scale=operands.scale,
        **{key: Map.of(tensor) for key, tensor in ({"q": q, "k": k, "v": v} | maps).items()},
        **{
            key: None if table is None else table.data_ptr()
            for key, table in ({"rows": rows, "columns": columns} | grad_tables).items()
        },
    )
    kernel = getattr(build.library(), f"{name}_{str(q.dtype).removeprefix('torch.')}")
    kernel.restype = ctypes.c_int
    if kernel(ctypes.byref(call)):
        raise MemoryError(
            f"attention by cpp has not enough memory for windows of {operands.extent} pixels on a "
            f"map of {height}x{width} in {torch.get_num_threads()} threads"
        )
