"""The ``torch`` implementation: PyTorch's own operators, a few images and heads at a time.

So the numbers of a pair of query and key stay in the processor's cache, and memory beside the
results does not grow with the batch.
"""

from __future__ import annotations

from math import ceil, prod

import torch
from torch import Tensor

from search_space.attention.eager import dense, shifts
from search_space.attention.operands import (
    Gradients,
    Operands,
    arithmetic_dtype,
    empty_like_layout,
    table_gradient,
)

DENSE_PIXELS_PER_WINDOW_PIXEL = 4
"""The largest ratio of map pixels to window pixels at which local attention is computed densely:
products of matrices are several times faster a pair than the loop over shifts, but visit every
pair."""

SLICE_PAIRS = 1_000_000
"""Approximate pairs of queries and keys in a slice of the dense form, on a CPU."""

SLICE_ELEMENTS = 800_000
"""Approximate elements of queries, keys or values in a slice of the loop over shifts, on a CPU."""

SLICE_FACTOR_ELSEWHERE = 64
"""Factor on the size of slices on other devices, whose caches are larger and cores more."""

Slice = tuple[slice, slice]
"""Images and heads."""


FORMS = {"dense": dense, "shifts": shifts}


def problem(operands: Operands) -> str | None:
    """Return None: it computes any call."""
    return None


def form(operands: Operands) -> str:
    """Return which of ``dense`` and ``shifts`` computes this call."""
    if not operands.extent:
        return "dense"
    pixels = operands.q.shape[3] * operands.q.shape[4]
    small = pixels <= DENSE_PIXELS_PER_WINDOW_PIXEL * operands.extent**2
    return "dense" if small and operands.border == "masked" else "shifts"


def forward(operands: Operands) -> tuple[Tensor, Tensor]:
    """Compute output and lse."""
    q, module = operands.q, FORMS[form(operands)]
    dtype = arithmetic_dtype(q.dtype)
    out = empty_like_layout(operands.v)
    lse = q.new_empty((*q.shape[:2], *q.shape[3:]), dtype=dtype)
    parts = _slices(operands)
    if parts:
        memory = module.Workspace(_slice(operands, parts[0], dtype), backward=False)
    for part in parts:
        out[part], lse[part] = module.forward(_slice(operands, part, dtype), memory)
    return out, lse


def backward(grad_out: Tensor, operands: Operands, out: Tensor, lse: Tensor) -> Gradients:
    """Compute gradients of the five tensors."""
    q, k, v, rows, columns = operands.tensors
    module, dtype = FORMS[form(operands)], arithmetic_dtype(q.dtype)
    grad_q, grad_v = empty_like_layout(q), empty_like_layout(v)
    grad_k = None if k is None else empty_like_layout(k)
    sums = [
        None if table is None else table.new_zeros(q.shape[1], *table.shape[1:], dtype=dtype)
        for table in (rows, columns)
    ]
    parts = _slices(operands)
    if parts:
        memory = module.Workspace(_slice(operands, parts[0], dtype), backward=True)
    for part in parts:
        grads = module.backward(
            grad_out[part].to(dtype),
            _slice(operands, part, dtype),
            out[part].to(dtype),
            lse[part],
            memory,
        )
        grad_q[part], grad_v[part] = grads[0], grads[2]
        if grad_k is not None and grads[1] is not None:
            grad_k[part] = grads[1]
        for total, grad in zip(sums, grads[3:], strict=True):
            if total is not None and grad is not None:
                total[part[1]] += grad
    return grad_q, grad_k, grad_v, table_gradient(sums[0], rows), table_gradient(sums[1], columns)


def _slices(operands: Operands) -> list[Slice]:
    """List images and heads of each slice, the largest first; none for an empty batch."""
    batch, heads, width, *hw = operands.q.shape
    if not batch:
        return []
    pixels = prod(hw)
    if form(operands) == "dense":
        maps = SLICE_PAIRS // pixels**2
    else:
        maps = SLICE_ELEMENTS // (pixels * max(width, operands.v.shape[2]))
    if operands.q.device.type != "cpu":
        maps *= SLICE_FACTOR_ELSEWHERE
    heads_at_once = min(heads, max(1, maps))
    images_at_once = max(1, maps // heads)
    images_at_once = ceil(batch / ceil(batch / images_at_once))  # slices of nearly one size
    return [
        (slice(image, image + images_at_once), slice(head, head + heads_at_once))
        for image in range(0, batch, images_at_once)
        for head in range(0, heads, heads_at_once)
    ]


def _slice(operands: Operands, part: Slice, dtype: torch.dtype) -> Operands:
    def of_heads(table: Tensor) -> Tensor:
        return (table if len(table) == 1 else table[part[1]]).to(dtype)

    return operands.converted(lambda x: x[part].to(dtype), of_heads)
