"""Parameters, MACs and activations by arithmetic alone: the oracle of the counter.

A convolution or linear layer of C_in to C_out on n pixels has n k^2 C_in C_out MACs and puts out
n C_out activations. An attention over n queries that see m keys each has n m (d_k + d_v) MACs,
n m d_k more with positions, and puts out n m logits a head and n d_v values. All else is zero.
"""

from __future__ import annotations

from search_space.architecture import Architecture, Task
from search_space.cost import Counts
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    Convolution,
    ConvolutionStem,
    LocalAttention,
    Primitive,
    Stem,
)

NOTHING = Counts(0, 0, 0)
HW = tuple[int, int]


def halved(hw: HW, step: int) -> HW:
    return (hw[0] + step - 1) // step, (hw[1] + step - 1) // step


def product(c_in: int, c_out: int, pixels: int, kernel: int = 1, *, bias: bool = False) -> Counts:
    weights = kernel * kernel * c_in * c_out
    return Counts(weights + bias * c_out, pixels * weights, pixels * c_out)


def norm(channels: int) -> Counts:
    return Counts(2 * channels, 0, 0)


def attention(
    queries: int, keys: int, key_depth: int, value_depth: int, heads: int, *, position: bool
) -> Counts:
    macs = queries * keys * (key_depth * (2 if position else 1) + value_depth)
    return Counts(0, macs, queries * keys * heads + queries * value_depth)


def primitive_counts(primitive: Primitive, c_in: int, c_out: int, stride: int, hw: HW) -> Counts:
    out_hw = halved(hw, stride)
    pixels, out_pixels = hw[0] * hw[1], out_hw[0] * out_hw[1]
    if isinstance(primitive, Convolution):
        return product(c_in, c_out, out_pixels, primitive.kernel)
    if isinstance(primitive, LocalAttention):
        # At the input's resolution: the stride is pooling afterwards.
        position, extent = primitive.position == "relative", primitive.extent
        seen = attention(pixels, extent**2, c_out, c_out, primitive.heads, position=position)
        tables = extent * c_out if position else 0  # two tables of half a head's width each
        return product(c_in, 3 * c_out, pixels) + seen + Counts(tables, 0, 0)
    assert isinstance(primitive, AugmentedConvolution)
    height, width = halved(out_hw, 2) if primitive.downsample else out_hw
    n, d_k, d_v = height * width, primitive.key_depth, primitive.value_depth
    position = primitive.position == "relative"
    tables = (2 * height - 1 + 2 * width - 1) * d_k // primitive.heads if position else 0
    return (
        product(c_in, c_out - d_v, out_pixels, primitive.kernel)
        + product(c_in, 2 * d_k + d_v, n, bias=True)
        + attention(n, n, d_k, d_v, primitive.heads, position=position)
        + product(d_v, d_v, n, bias=True)
        + Counts(tables, 0, 0)
    )


def stem_counts(stem: Stem, c_in: int, hw: HW) -> Counts:
    if isinstance(stem, ConvolutionStem):
        height, width = halved(hw, stem.stride)
        return product(c_in, stem.width, height * width, stem.kernel) + norm(stem.width)
    assert isinstance(stem, AttentionStem)
    pixels, w, m = hw[0] * hw[1], stem.width, stem.mixtures
    embeddings = (2 * stem.block + m) * (w // stem.heads)
    return (
        product(c_in, (2 + m) * w, pixels)
        + attention(pixels, stem.block**2, w, w, stem.heads, position=False)
        + Counts(embeddings, 0, 0)
        + norm(w)
    )


def network_counts(architecture: Architecture, task: Task) -> Counts:
    channels, *image = task.input_shape
    hw = (image[0], image[1])
    total = stem_counts(architecture.stem, channels, hw)
    hw = architecture.stem.output_hw(hw)
    channels = architecture.stem.width
    bottleneck = architecture.block == "bottleneck"
    for stage in architecture.stages:
        width, out = stage.width, stage.width * architecture.expansion
        for index, primitive in enumerate(stage.blocks):
            stride = stage.stride if index == 0 else 1
            pixels, spatial_in = hw[0] * hw[1], channels
            if bottleneck:
                total += product(channels, width, pixels) + norm(width)
                spatial_in = width
            total += primitive_counts(primitive, spatial_in, width, stride, hw) + norm(width)
            hw = halved(hw, stride)
            pixels = hw[0] * hw[1]
            total += product(width, out, pixels, 1 if bottleneck else 3) + norm(out)
            if stride != 1 or channels != out:
                total += product(channels, out, pixels) + norm(out)
            channels = out
    return total + product(channels, task.classes, 1, bias=True)
