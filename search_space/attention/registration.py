"""Registration of the attention operators in ``torch.library`` as ``torch.ops.convattn``.

Each is one operator for tracing, ``torch.compile`` and autograd, and so is their backward pass,
whatever implementation computes them. The output comes with its lse, for the backward pass.
``backend`` is the forced name, or "" for the rule. The rule is applied when the operator runs,
since an exported program may run on another device than it was traced on.

Legend: as in :mod:`search_space.attention.operands`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from search_space.attention import backends
from search_space.attention.operands import Operands, arithmetic_dtype, empty_like_layout


@torch.library.custom_op("convattn::global_attention", mutates_args=())
def global_operator(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    scale: float,
    backend: str,
) -> tuple[Tensor, Tensor]:
    """Compute output and lse of :func:`~search_space.attention.global_attention`."""
    return backends.forward(Operands(q, k, v, rows, columns, scale, 0, "masked"), backend)


@torch.library.custom_op("convattn::local_attention", mutates_args=())
def local_operator(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    extent: int,
    border: str,
    scale: float,
    backend: str,
) -> tuple[Tensor, Tensor]:
    """Compute output and lse of :func:`~search_space.attention.local_attention`."""
    return backends.forward(Operands(q, k, v, rows, columns, scale, extent, border), backend)


@torch.library.custom_op("convattn::attention_backward", mutates_args=())
def backward_operator(
    grad_out: Tensor,
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    out: Tensor,
    lse: Tensor,
    extent: int,
    border: str,
    scale: float,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Compute gradients of q, k, v, rows and columns of either; no elements for what is None.

    ``extent`` is 0 for global attention.
    """
    operands = Operands(q, k, v, rows, columns, scale, extent, border)
    grads = backends.backward(grad_out, operands, out, lse, backend)
    grad_q, grad_k, grad_v, grad_rows, grad_columns = grads
    return (
        grad_q,
        q.new_empty(0) if grad_k is None else grad_k,
        grad_v,
        q.new_empty(0) if grad_rows is None else grad_rows,
        q.new_empty(0) if grad_columns is None else grad_columns,
    )


def _fake(q: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    lse_shape = (*q.shape[:2], *q.shape[3:])
    return empty_like_layout(v), q.new_empty(lse_shape, dtype=arithmetic_dtype(q.dtype))


@global_operator.register_fake
def _global_fake(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    scale: float,
    backend: str,
) -> tuple[Tensor, Tensor]:
    return _fake(q, v)


@local_operator.register_fake
def _local_fake(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    extent: int,
    border: str,
    scale: float,
    backend: str,
) -> tuple[Tensor, Tensor]:
    return _fake(q, v)


@backward_operator.register_fake
def _backward_fake(
    grad_out: Tensor,
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None,
    columns: Tensor | None,
    *settings: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return (
        empty_like_layout(q),
        q.new_empty(0) if k is None else empty_like_layout(k),
        empty_like_layout(v),
        q.new_empty(0) if rows is None else rows.new_empty(rows.shape),
        q.new_empty(0) if columns is None else columns.new_empty(columns.shape),
    )


def _remember_global(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, scale, backend = inputs
    _remember(ctx, tensors, output, (0, "masked", scale, backend))


def _remember_local(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    _remember(ctx, inputs[:5], output, inputs[5:])


def _remember(ctx: Any, tensors: Any, output: tuple[Tensor, Tensor], settings: Any) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)  # no zeros for the lse
    ctx.save_for_backward(*tensors, *output)
    ctx.settings = settings


def _gradients(ctx: Any, grad_out: Tensor | None) -> tuple[Tensor | None, ...]:
    tensors = ctx.saved_tensors
    if grad_out is None:  # nothing used the output
        return (None,) * 5
    grads = backward_operator(grad_out, *tensors, *ctx.settings)
    return tuple(
        None if given is None else grad for given, grad in zip(tensors[:5], grads, strict=True)
    )


def _global_backward(ctx: Any, grad_out: Tensor | None, _: Tensor | None) -> Any:
    return *_gradients(ctx, grad_out), None, None


def _local_backward(ctx: Any, grad_out: Tensor | None, _: Tensor | None) -> Any:
    return *_gradients(ctx, grad_out), None, None, None, None


global_operator.register_autograd(_global_backward, setup_context=_remember_global)
local_operator.register_autograd(_local_backward, setup_context=_remember_local)
