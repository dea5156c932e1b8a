"""Local and global 2-D relative attention as PyTorch operators.

Both papers' attention goes through the two functions here. They are registered with
``torch.library``, so that tracing sees one operator whatever implementation computes it: its
multiply-adds are a property of the operator (see :mod:`search_space.cost.count`).

Legend: B batch, h heads, d key width of a head, e value width of a head, H x W the map.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from search_space.attention.dense import dense_backward, dense_forward
from search_space.attention.shifts import shifts_backward, shifts_forward

Border = Literal["masked", "zeros"]

DENSE_PIXELS_PER_WINDOW_PIXEL = 4
"""Local attention is computed densely up to this ratio of map pixels to window pixels: dense
products are several times faster a pair than the loop over shifts, but visit every pair."""


def local_implementation(height: int, width: int, extent: int, border: str) -> str:
    """Which eager form computes local attention on such a map: ``dense`` or ``shifts``."""
    small = height * width <= DENSE_PIXELS_PER_WINDOW_PIXEL * extent * extent
    return "dense" if small and border == "masked" else "shifts"


def global_attention(
    q: Tensor, k: Tensor, v: Tensor, rows: Tensor | None = None, columns: Tensor | None = None
) -> Tensor:
    """Every pixel attends to every pixel (AACN section 3.1).

    Args:
        q: queries, already scaled, ``[B, h, d, H, W]``.
        k: keys, ``[B, h, d, H, W]``.
        v: values, ``[B, h, e, H, W]``.
        rows: relative row embeddings ``[1 or h, 2H - 1, d]``, the embedding of ``key row - query
            row`` at that index plus H - 1; None (then ``columns`` too) for no position encoding.
        columns: relative column embeddings ``[1 or h, 2W - 1, d]``.

    Returns:
        ``[B, h, e, H, W]``.

    Raises:
        ValueError: shapes that do not belong together.
    """
    _check_shapes(q, k, v, rows, columns, (2 * q.shape[-2] - 1, 2 * q.shape[-1] - 1))
    tables = _as_dtype(rows, q), _as_dtype(columns, q)
    out: Tensor = torch.ops.convattn.global_attention(q, k, v, *tables)[0]
    return out


def local_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rows: Tensor | None = None,
    columns: Tensor | None = None,
    *,
    extent: int,
    border: Border = "masked",
) -> Tensor:
    """Every pixel attends to the extent x extent window around it (SASA equation 3).

    Args:
        q: queries, already scaled, ``[B, h, d, H, W]``.
        k: keys, ``[B, h, d, H, W]``.
        v: values, ``[B, h, e, H, W]``.
        rows: relative row embeddings ``[1 or h, extent, d_r]``; None (then ``columns`` too) for no
            position encoding. Either ``d_r = d`` for both tables (their logits are added), or the
            two widths add up to d (each meets its part of the query, as in SASA).
        columns: relative column embeddings ``[1 or h, extent, d_c]``.
        extent: side of the window, odd.
        border: what stands outside the image. ``masked``: nothing. ``zeros``: pixels of zero key
            and value.

    Returns:
        ``[B, h, e, H, W]``.

    Raises:
        ValueError: shapes that do not belong together, or an even extent.
    """
    if extent < 1 or extent % 2 == 0:
        raise ValueError(f"extent must be odd and positive, got extent={extent}")
    _check_shapes(q, k, v, rows, columns, (extent, extent))
    tables = _as_dtype(rows, q), _as_dtype(columns, q)
    out: Tensor = torch.ops.convattn.local_attention(q, k, v, *tables, extent, border)[0]
    return out


def _as_dtype(table: Tensor | None, q: Tensor) -> Tensor | None:
    return None if table is None else table.to(q.dtype)


def _check_shapes(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    table_rows: tuple[int, int],
) -> None:
    if q.dim() != 5 or k.shape != q.shape or v.shape[:2] + v.shape[3:] != q.shape[:2] + q.shape[3:]:
        raise ValueError(
            "q and k must be [B, h, d, H, W] and v [B, h, e, H, W], got "
            f"q {list(q.shape)}, k {list(k.shape)}, v {list(v.shape)}"
        )
    if rows is None and columns is None:
        return
    if rows is None or columns is None:
        raise ValueError("rows and columns must be given together")
    heads, width = q.shape[1], q.shape[2]
    widths = rows.shape[-1], columns.shape[-1]
    if (rows.shape[1], columns.shape[1]) != table_rows or (
        widths != (width, width) and sum(widths) != width
    ):
        raise ValueError(
            f"position tables must have {table_rows} rows and widths of {width} each or in sum, "
            f"got rows {list(rows.shape)}, columns {list(columns.shape)}"
        )
    if rows.shape[0] not in (1, heads) or columns.shape[0] not in (1, heads):
        raise ValueError(f"position tables must be shared or one for each of {heads} heads")


# The operators return the probabilities as well, for the backward pass.


@torch.library.custom_op("convattn::global_attention", mutates_args=())
def _global(
    q: Tensor, k: Tensor, v: Tensor, rows: Tensor | None, columns: Tensor | None
) -> tuple[Tensor, Tensor]:
    return dense_forward(q, k, v, rows, columns, extent=0)


@torch.library.custom_op("convattn::local_attention", mutates_args=())
def _local(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    extent: int,
    border: str,
) -> tuple[Tensor, Tensor]:
    if local_implementation(q.shape[-2], q.shape[-1], extent, border) == "dense":
        return dense_forward(q, k, v, rows, columns, extent)
    return shifts_forward(q, k, v, rows, columns, extent, border)


@_global.register_fake
def _global_fake(
    q: Tensor, k: Tensor, v: Tensor, rows: Tensor | None, columns: Tensor | None
) -> tuple[Tensor, Tensor]:
    pixels = q.shape[-2] * q.shape[-1]
    return v.new_empty(v.shape), q.new_empty(*q.shape[:2], pixels, pixels)


@_local.register_fake
def _local_fake(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    extent: int,
    border: str,
) -> tuple[Tensor, Tensor]:
    if local_implementation(q.shape[-2], q.shape[-1], extent, border) == "dense":
        return _global_fake(q, k, v, rows, columns)
    return v.new_empty(v.shape), q.new_empty(*q.shape[:2], extent * extent, *q.shape[3:])


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    q, k, v, rows, columns, *settings = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(q, k, v, rows, columns, *output)
    ctx.settings = settings


def _global_backward(ctx: Any, grad_out: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    return dense_backward(grad_out.contiguous(), *ctx.saved_tensors)


def _local_backward(ctx: Any, grad_out: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    extent, border = ctx.settings
    height, width = grad_out.shape[-2:]
    if local_implementation(height, width, extent, border) == "dense":
        grads = dense_backward(grad_out.contiguous(), *ctx.saved_tensors)
    else:
        grads = shifts_backward(grad_out, *ctx.saved_tensors)
    return (*grads, None, None)


_global.register_autograd(_global_backward, setup_context=_remember)
_local.register_autograd(_local_backward, setup_context=_remember)
