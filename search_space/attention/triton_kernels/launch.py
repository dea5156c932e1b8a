"""Calls of the kernels: shapes and strides become plans, buffers and grids.

In place of a tensor that a call does not have, a kernel gets ``q``: pointers need a type, and the
kernel does not read them.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from math import e, log2
from typing import Any

import torch
from torch import Tensor

from search_space.attention.operands import (
    Gradients,
    Operands,
    empty_like_layout,
    table_gradient,
)
from search_space.attention.triton_kernels.backward_keys_kernel import keys_kernel
from search_space.attention.triton_kernels.backward_queries_kernel import queries_kernel
from search_space.attention.triton_kernels.forward_kernel import forward_kernel
from search_space.attention.triton_kernels.plans import (
    Kernel,
    Plan,
    Precision,
    Tiles,
    choose_runs,
    choose_tiles,
    make_plan,
)


def forward(operands: Operands, tiles: Tiles | None = None) -> tuple[Tensor, Tensor]:
    """Compute output and lse, with ``tiles`` in place of the default ones."""
    q, k, v, rows, columns = _pointers(operands)
    out = empty_like_layout(v)
    lse = q.new_empty((*q.shape[:2], *q.shape[3:]), dtype=torch.float32)
    if not q.shape[0]:
        return out, lse
    tiles = tiles or choose_tiles(operands, "forward")
    plan = _plan(operands, "forward", tiles)
    run(
        forward_kernel,
        _programs(plan, q),
        plan,
        *(q, k, v, rows, columns, out, lse),
        *(operands.scale * log2(e), q.shape[0], plan),
        *(x.stride() for x in (q, k, v, out)),
    )
    return out, lse


def backward(
    grad_out: Tensor,
    operands: Operands,
    out: Tensor,
    lse: Tensor,
    tiles: Tiles | None = None,
    tiles_of_keys: Tiles | None = None,
) -> Gradients:
    """Compute gradients of the five tensors, with tiles of both kernels instead of the defaults."""
    q, k, v, rows, columns = _pointers(operands)
    grad_q, grad_v = empty_like_layout(q), empty_like_layout(v)
    grad_k = None if operands.k is None else empty_like_layout(k)
    tiles = tiles or choose_tiles(operands, "queries")
    plan = _plan(operands, "queries", tiles)
    runs = choose_runs(operands, plan)
    programs = -(-_programs(plan, q) // runs)
    grad_rows, grad_columns = (
        None if table is None else _shares(table, programs, plan)
        for table in (operands.rows, operands.columns)
    )
    if q.shape[0]:
        lse, delta = lse.contiguous(), torch.empty_like(lse, memory_format=torch.contiguous_format)
        run(
            queries_kernel,
            programs,
            plan,
            *(q, k, v, rows, columns, out, grad_out, lse, delta, grad_q),
            *(q if x is None else x for x in (grad_rows, grad_columns)),
            *(float(operands.scale), q.shape[0], runs, plan),
            *(x.stride() for x in (q, k, v, out, grad_out, grad_q)),
        )
        tiles = tiles_of_keys or choose_tiles(operands, "keys")
        plan = _plan(operands, "keys", tiles)
        of_keys = q if grad_k is None else grad_k
        run(
            keys_kernel,
            _programs(plan, q),
            plan,
            *(q, k, v, rows, columns, grad_out, lse, delta, of_keys, grad_v),
            *(float(operands.scale), q.shape[0], plan),
            *(x.stride() for x in (q, k, v, grad_out, of_keys, grad_v)),
        )
    return (
        grad_q,
        grad_k,
        grad_v,
        table_gradient(grad_rows, operands.rows),
        table_gradient(grad_columns, operands.columns),
    )


def float32_precision() -> Precision:
    """Return how PyTorch multiplies float32 matrices on CUDA at present: TF32 only if allowed.

    TF32 is allowed by ``torch.backends.cuda.matmul.fp32_precision = "tf32"``, or by a setting that
    it follows (``torch.backends.fp32_precision``, ``torch.set_float32_matmul_precision``,
    ``allow_tf32``).
    """
    matmul = torch.backends.cuda.matmul
    # Where PyTorch has the newer setting, reading the older one raises once the newer was used.
    if hasattr(matmul, "fp32_precision"):
        return "tf32" if matmul.fp32_precision == "tf32" else "ieee"
    return "tf32" if matmul.allow_tf32 else "ieee"


def run(kernel: Any, programs: int, plan: Plan, *arguments: Any) -> None:
    """Start ``programs`` programs for each head, on the device of the first argument."""
    device = arguments[0].device
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        kernel[(programs * plan.heads,)](*arguments, **options(plan))


def options(plan: Plan) -> dict[str, Any]:
    """Return Triton's compiler options for a kernel."""
    # Float32 products outside of tensor cores keep their operands in registers, those of two warps
    # a tile.
    warps = plan.tiles.groups * (2 if plan.precision == "ieee" else 1)
    # One stage: loads ahead of time would take registers that logits need. The fusion of
    # multiplications and additions is spelled out, as Triton's default changes.
    return {"num_warps": warps, "num_stages": 1, "enable_fp_fusion": True}


def _pointers(operands: Operands) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    q = operands.q
    given = operands.converted(lambda x: x, lambda x: x.to(q.dtype).contiguous())
    q, k, v, rows, columns = given.tensors
    return (
        q,
        q if k is None else k,
        v,
        q if rows is None else rows,
        q if columns is None else columns,
    )


def _programs(plan: Plan, q: Tensor) -> int:
    """Count the programs of each head."""
    return -(-q.shape[0] * plan.tiles_down * plan.tiles_across // plan.tiles.groups)


def _shares(table: Tensor, programs: int, plan: Plan) -> Tensor:
    return table.new_empty((programs, plan.heads, *table.shape[1:]), dtype=torch.float32)


def _plan(operands: Operands, kernel: Kernel, tiles: Tiles) -> Plan:
    # Triton's interpreter multiplies bfloat16 as integers.
    dtype = operands.q.dtype
    widen = os.environ.get("TRITON_INTERPRET") == "1" and dtype == torch.bfloat16
    precision = float32_precision() if dtype == torch.float32 else "tf32"
    return make_plan(operands, kernel, tiles, precision=precision, widen=widen)
