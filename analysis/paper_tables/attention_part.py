"""The attention in augmented convolutions: its share of a network's costs, in two ways to count.

This project counts Q K^T and q.r over all (H W)^2 pairs of pixels. The FLOPs that AACN prints fit a
count without Q K^T in which q.r comes from the products of q with the 2 H - 1 row and the 2 W - 1
column embeddings: H W (2 H + 2 W - 2) d_k MACs.
"""

from __future__ import annotations

from typing import NamedTuple

from search_space.architecture import Architecture, Task
from search_space.counts import Counts
from search_space.networks.plan import BlockPlan, plan_network
from search_space.primitives import AugmentedConvolution, InvertedBottleneck

BFLOAT16_BYTES = 2


class AttentionPart(NamedTuple):
    """The attention of equal layers: all of their costs but the convolution beside it."""

    stage: int  # counted from 1
    layers: int
    counts: Counts  # of one layer
    paper_macs: int  # of one layer, as the paper seems to count
    map_bytes: int  # of one layer's attention maps: N_h (H W)^2 bfloat16 (AACN A.2)


def attention_parts(architecture: Architecture, task: Task) -> list[AttentionPart]:
    """Return the attention of every augmented convolution, in order."""
    return [
        _part(number, layers, *augmented)
        for number, stage in enumerate(plan_network(architecture, task).stages, start=1)
        for block, layers in stage.runs
        if (augmented := _augmented(block))
    ]


def flops_as_the_paper(architecture: Architecture, task: Task, flops_paper: int) -> int | None:
    """Recount ``flops_paper`` as the paper seems to; None without augmented convolutions."""
    parts = attention_parts(architecture, task)
    if not parts:
        return None
    return flops_paper - sum(2 * p.layers * (p.counts.macs - p.paper_macs) for p in parts)


Augmented = tuple[AugmentedConvolution, int, int, tuple[int, int]]
"""An augmented convolution, its input channels, its stride and the (H, W) of its input."""


def _augmented(block: BlockPlan) -> Augmented | None:
    primitive = block.primitive
    if isinstance(primitive, InvertedBottleneck) and primitive.augmentation:
        # The expansion; the stride is taken later, by the depthwise convolution.
        return primitive.augmentation, block.in_channels, 1, block.input_hw
    if isinstance(primitive, AugmentedConvolution):
        return primitive, block.primitive_in_channels, block.stride, block.input_hw
    return None


def _part(
    stage: int,
    layers: int,
    primitive: AugmentedConvolution,
    in_channels: int,
    stride: int,
    input_hw: tuple[int, int],
) -> AttentionPart:
    height, width = primitive.attention_hw(stride, input_hw)
    pixels = height * width
    # With as many channels as the attention has, no convolution stands beside it.
    counts = primitive.counts(in_channels, primitive.value_depth, stride, input_hw)
    products = pixels * pixels * primitive.key_depth  # of Q K^T, and as many of q.r
    paper_macs = counts.macs - products
    if primitive.position == "relative":
        embeddings = 2 * height - 1 + 2 * width - 1
        paper_macs += pixels * embeddings * primitive.key_depth - products
    map_bytes = BFLOAT16_BYTES * primitive.heads * pixels * pixels
    return AttentionPart(stage, layers, counts, paper_macs, map_bytes)
