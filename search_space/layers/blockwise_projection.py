"""A 1x1 convolution whose matrix depends on the pixel's place in its block, as one operator.

SASA's spatially aware values (equation 8) are a mixture of projections, and the weights of the
mixture depend on the place alone. So the matrices are mixed, once for each place of the block,
instead of the projected images: one product instead of one for each matrix. The operator
``convattn::blockwise_projection`` has their number as an argument, since its multiply-adds are
those of the equation, however it is computed.

Legend: B images, C channels in, w out, b side of a block, Y x X blocks, n = B Y X.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


@torch.library.custom_op("convattn::blockwise_projection", mutates_args=())
def blockwise_projection(x: Tensor, matrices: Tensor, mixtures: int) -> Tensor:
    """Project every pixel by the matrix of its place.

    Args:
        x: ``[B, C, Y b, X b]``.
        matrices: ``[b, b, w, C]``, in the type of x.
        mixtures: number of matrices that each is a mixture of; for the cost alone.

    Returns:
        ``[B, w, Y b, X b]``, contiguous.
    """
    block, _, width, _ = matrices.shape
    with torch.autocast(x.device.type, enabled=False):  # in the operands' own type
        projected = matrices.flatten(0, 1) @ _by_place(x, block)
    return _from_places(projected, x, block, width)


def written_out(x: Tensor, matrices: Tensor) -> Tensor:
    """Compute :func:`blockwise_projection` in standard operators, which tracing sees."""
    block, _, width, _ = matrices.shape
    return _from_places(matrices.flatten(0, 1) @ _by_place(x, block), x, block, width)


@blockwise_projection.register_fake
def _fake(x: Tensor, matrices: Tensor, mixtures: int) -> Tensor:
    return x.new_empty(x.shape[0], matrices.shape[2], *x.shape[2:])


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:2])


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
    x, matrices = ctx.saved_tensors
    block = matrices.shape[0]
    by_place = _by_place(grad, block)
    with torch.autocast(x.device.type, enabled=False):
        grad_matrices = by_place @ _by_place(x, block).transpose(1, 2)
        grad_x = matrices.flatten(0, 1).transpose(1, 2) @ by_place
    return _from_places(grad_x, x, block, x.shape[1]), grad_matrices.view_as(matrices), None


blockwise_projection.register_autograd(_backward, setup_context=_remember)


def _by_place(x: Tensor, block: int) -> Tensor:
    """Rearrange ``[B, C, Y b, X b]`` to ``[b b, C, n]``."""
    split = x.unflatten(3, (-1, block)).unflatten(2, (-1, block))
    return split.permute(3, 5, 1, 0, 2, 4).reshape(block * block, x.shape[1], -1)


def _from_places(x: Tensor, like: Tensor, block: int, width: int) -> Tensor:
    """Rearrange ``[b b, w, n]`` to ``[B, w, Y b, X b]``; ``like`` has B and the map."""
    blocks = like.shape[0], like.shape[2] // block, like.shape[3] // block
    split = x.view(block, block, width, *blocks).permute(3, 2, 4, 0, 5, 1)
    return split.reshape(like.shape[0], width, *like.shape[2:]).contiguous()
