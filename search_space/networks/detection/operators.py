"""The operators of a pyramid and of heads: a primitive with what a detector adds to it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search_space.counts import FLOAT_BYTES, Counts, TrainingBytes, norm_counts, strided
from search_space.primitives import Convolution, LocalAttention, Primitive

WEIGHT_DEVIATION = 0.01  # of new layers' weights (RetinaNet section 4.1)


def build_operator(
    primitive: Primitive, channels: tuple[int, int], stride: int, hw: tuple[int, int], *, bias: bool
) -> nn.Module:
    """Build a primitive from ``channels`` = (in, out), for maps of ``hw`` = (H, W) or others.

    A convolution gets a bias at zero if ``bias``; attention has none (SASA section 2.2).
    """
    module = primitive.build(*channels, stride, hw)
    if bias and isinstance(module, nn.Conv2d):
        module.bias = nn.Parameter(torch.zeros(module.out_channels))
    return module


def operator_counts(
    primitive: Primitive, channels: tuple[int, int], stride: int, hw: tuple[int, int], *, bias: bool
) -> Counts:
    """Count what :func:`build_operator`'s module costs."""
    counts = primitive.counts(*channels, stride, hw)
    biased = bias and isinstance(primitive, Convolution)
    return counts + Counts(channels[1], 0, 0) if biased else counts


def layer_bytes(
    primitive: Primitive, width: int, stride: int, hw: tuple[int, int], *, normalized: bool
) -> TrainingBytes:
    """Return the memory of a primitive of ``width`` to ``width``, and of its normalisation."""
    kept = primitive.training_bytes(width, width, stride, hw)
    if not normalized:
        return kept
    height, columns = strided(hw, stride)
    out = FLOAT_BYTES * width * height * columns
    return kept.then(TrainingBytes(out, 2 * out))


def norms_counts(width: int, *, normalized: bool) -> Counts:
    """Count the normalisation behind one operator."""
    return norm_counts(width) if normalized else Counts(0, 0, 0)


def build_norm(width: int, *, normalized: bool) -> nn.Module:
    """Build the normalisation behind one operator: the identity if there is none."""
    return nn.BatchNorm2d(width) if normalized else nn.Identity()


def draw_small(module: nn.Module, primitive: Primitive) -> None:
    """Draw the weights of a head's operator: normal, deviation 0.01; of attention W_V alone.

    So RetinaNet starts its convolutions, and SASA (A.3) the value matrices.
    """
    with torch.no_grad():
        for weight in _drawn_small(module, primitive):
            nn.init.normal_(weight, std=WEIGHT_DEVIATION)


def _drawn_small(module: nn.Module, primitive: Primitive) -> list[Tensor]:
    if isinstance(primitive, LocalAttention):
        qkv = module.qkv
        assert isinstance(qkv, nn.Conv2d)
        return [qkv.weight.chunk(primitive.projections)[-1]]
    assert isinstance(module, nn.Conv2d)
    return [module.weight]
