"""The attention operators as ``torch.library`` knows them, ``torch.ops.convattn``.

Each is one operator to tracing and to autograd, whatever implementation computes it. It returns the
probabilities beside the output, for the backward pass; their shape is the implementation's.

Legend: B batch, h heads, d key width of a head, e value width of a head, H x W the map.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from search_space.attention.blocks import blocks_backward, blocks_forward
from search_space.attention.dense import dense_backward, dense_forward
from search_space.attention.shifts import shifts_backward, shifts_forward

DENSE_PIXELS_PER_WINDOW_PIXEL = 4
"""Local attention is computed densely up to this ratio of map pixels to window pixels: dense
products are several times faster a pair than the loop over shifts, but visit every pair."""


def local_implementation(height: int, width: int, extent: int, border: str) -> str:
    """Which eager form computes local attention on such a map: ``dense`` or ``shifts``."""
    small = height * width <= DENSE_PIXELS_PER_WINDOW_PIXEL * extent * extent
    return "dense" if small and border == "masked" else "shifts"


@torch.library.custom_op("convattn::global_attention", mutates_args=())
def global_operator(
    q: Tensor, k: Tensor | None, v: Tensor, rows: Tensor | None, columns: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Output and probabilities of :func:`~search_space.attention.global_attention`."""
    return dense_forward(q, k, v, rows, columns, extent=0)


@torch.library.custom_op("convattn::local_attention", mutates_args=())
def local_operator(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    extent: int,
    border: str,
) -> tuple[Tensor, Tensor]:
    """Output and probabilities of :func:`~search_space.attention.local_attention`."""
    if local_implementation(q.shape[-2], q.shape[-1], extent, border) == "dense":
        return dense_forward(q, k, v, rows, columns, extent)
    return shifts_forward(q, k, v, rows, columns, extent, border)


@torch.library.custom_op("convattn::block_attention", mutates_args=())
def block_operator(
    q: Tensor, k: Tensor | None, v: Tensor, rows: Tensor | None, columns: Tensor | None, block: int
) -> tuple[Tensor, Tensor]:
    """Output and probabilities of :func:`~search_space.attention.block_attention`."""
    return blocks_forward(q, k, v, rows, columns, block)


@global_operator.register_fake
def _global_fake(
    q: Tensor, k: Tensor | None, v: Tensor, rows: Tensor | None, columns: Tensor | None
) -> tuple[Tensor, Tensor]:
    pixels = q.shape[-2] * q.shape[-1]
    return v.new_empty(v.shape), q.new_empty(*q.shape[:2], pixels, pixels)


@local_operator.register_fake
def _local_fake(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    extent: int,
    border: str,
) -> tuple[Tensor, Tensor]:
    if local_implementation(q.shape[-2], q.shape[-1], extent, border) == "dense":
        return _global_fake(q, k, v, rows, columns)
    return v.new_empty(v.shape), q.new_empty(*q.shape[:2], extent * extent, *q.shape[3:])


@block_operator.register_fake
def _block_fake(
    q: Tensor, k: Tensor | None, v: Tensor, rows: Tensor | None, columns: Tensor | None, block: int
) -> tuple[Tensor, Tensor]:
    blocks = q.shape[0] * (q.shape[-2] // block) * (q.shape[-1] // block)
    pixels = block * block
    return v.new_empty(v.shape), q.new_empty(blocks, q.shape[1], pixels, pixels)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    q, k, v, rows, columns, *settings = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)  # no zeros as large as the probabilities
    ctx.save_for_backward(q, k, v, rows, columns, *output)
    ctx.settings = settings


# The gradient of an output that nothing used is None, and so are those of its inputs.


def _global_backward(
    ctx: Any, grad_out: Tensor | None, _: Tensor | None
) -> tuple[Tensor | None, ...]:
    if grad_out is None:
        return (None,) * 5
    return dense_backward(grad_out.contiguous(), *ctx.saved_tensors)


def _local_backward(
    ctx: Any, grad_out: Tensor | None, _: Tensor | None
) -> tuple[Tensor | None, ...]:
    if grad_out is None:
        return (None,) * 7
    extent, border = ctx.settings
    height, width = grad_out.shape[-2:]
    if local_implementation(height, width, extent, border) == "dense":
        grads = dense_backward(grad_out.contiguous(), *ctx.saved_tensors)
    else:
        grads = shifts_backward(grad_out, *ctx.saved_tensors)
    return (*grads, None, None)


def _block_backward(
    ctx: Any, grad_out: Tensor | None, _: Tensor | None
) -> tuple[Tensor | None, ...]:
    if grad_out is None:
        return (None,) * 6
    return (*blocks_backward(grad_out, *ctx.saved_tensors, *ctx.settings), None)


global_operator.register_autograd(_global_backward, setup_context=_remember)
local_operator.register_autograd(_local_backward, setup_context=_remember)
block_operator.register_autograd(_block_backward, setup_context=_remember)
