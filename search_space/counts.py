"""Costs of operators in closed form: parameters, MACs, activations, and the memory of training.

A convolution or linear layer of C_in to C_out on n pixels has ``n k^2 C_in C_out`` MACs and puts
out ``n C_out`` activations. Attention of n queries to m keys each has ``n m d_k`` MACs for q.k, as
many for q.r, ``n m d_v`` for the weighted sum of values, and puts out its logits and its values.
Other operators (normalisation, softmax, pooling, resizing, elementwise ones) have none.
:mod:`search_space.tracing.counts` counts the same by tracing, and agrees to the unit.
"""

from __future__ import annotations

from typing import NamedTuple

FLOAT_BYTES = 4  # of one float32


class Counts(NamedTuple):
    """Costs of a part of a network on one image, in evaluation mode."""

    params: int
    macs: int
    activations: int  # elements put out by the operators that have MACs

    def __add__(self, other: object) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        return Counts(self[0] + other[0], self[1] + other[1], self[2] + other[2])

    def times(self, number: int) -> Counts:
        """Return the costs of ``number`` such parts."""
        return Counts(number * self[0], number * self[1], number * self[2])


NO_COUNTS = Counts(0, 0, 0)


class TrainingBytes(NamedTuple):
    """Memory of one image in a float32 training step, without what all images share.

    ``saved`` are the tensors that a part makes and the backward pass needs: with its output and
    without its input, each counted once however many operators keep it. ``transient`` estimates
    the memory beside everything saved that the part needs while it runs, in the forward or the
    backward pass, whichever is more.
    """

    saved: int
    transient: int

    def then(self, other: TrainingBytes) -> TrainingBytes:
        """Return the memory of two parts, this one before ``other``."""
        return TrainingBytes(self.saved + other.saved, max(self.transient, other.transient))


NO_BYTES = TrainingBytes(0, 0)


def convolution_counts(
    in_channels: int,
    out_channels: int,
    kernel: int,
    output_hw: tuple[int, int],
    *,
    bias: bool = False,
    groups: int = 1,
) -> Counts:
    """Count a k x k convolution that puts out a map of ``output_hw`` = (H, W) pixels."""
    weights = kernel * kernel * (in_channels // groups) * out_channels
    pixels = output_hw[0] * output_hw[1]
    params = weights + out_channels if bias else weights
    return Counts(params, pixels * weights, pixels * out_channels)


def linear_counts(in_features: int, out_features: int) -> Counts:
    """Count a linear layer with bias."""
    weights = in_features * out_features
    return Counts(weights + out_features, weights, out_features)


def norm_counts(channels: int) -> Counts:
    """Count batch normalisation: a scale and a shift a channel, no MACs."""
    return Counts(2 * channels, 0, 0)


def attention_counts(
    queries: int,
    keys: int,
    key_depth: int,
    value_depth: int,
    heads: int,
    *,
    content: bool = True,
    position: bool,
) -> Counts:
    """Count attention of ``queries`` pixels to ``keys`` each, without its projections and tables.

    Args:
        queries: pixels that attend.
        keys: positions that each attends to: k^2 if local, H W if global, borders included.
        key_depth: channels of the keys of all heads together.
        value_depth: channels of the values of all heads together.
        heads: each has its own logits.
        content: whether there is a q.k term.
        position: whether there is a q.r term.
    """
    pairs = queries * keys
    macs = pairs * (key_depth * (content + position) + value_depth)
    return Counts(0, macs, pairs * heads + queries * value_depth)


def strided(hw: tuple[int, int], stride: int) -> tuple[int, int]:
    """Return the map after a "same" operator of this stride: ceiling division."""
    if stride == 1:
        return hw
    return -(-hw[0] // stride), -(-hw[1] // stride)


def attended_hw(input_hw: tuple[int, int], stride: int, *, downsample: bool) -> tuple[int, int]:
    """Return the map that global attention attends on: strided, and halved by ``downsample``."""
    return strided(strided(input_hw, stride), 2 if downsample else 1)


def pooled_hw(image_hw: tuple[int, int], block: int) -> tuple[int, int]:
    """Return the map after an attention stem, which pools each block x block square.

    Raises:
        ValueError: the block does not divide the image.
    """
    if image_hw[0] % block or image_hw[1] % block:
        raise ValueError(
            f"the attention stem's block must divide the image, got block={block}, "
            f"image {image_hw[0]}x{image_hw[1]}"
        )
    return image_hw[0] // block, image_hw[1] // block
