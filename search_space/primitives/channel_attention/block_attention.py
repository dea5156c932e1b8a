"""CBAM: a channel gate from average and maximum, then a spatial gate from the same two.

Source: Woo et al. 2018, "CBAM: Convolutional Block Attention Module", arXiv 1807.06521 (equations
1 to 3). From its authors' public code: the biases of the perceptron; batch normalisation after the
7x7 convolution, with a momentum of 0.01 and a scale that starts at zero, so that the spatial gate
starts as one half everywhere. A maximum's gradient is shared by equal values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from search_space.bounds import LARGEST
from search_space.counts import Counts, TrainingBytes, convolution_counts, norm_counts
from search_space.primitives.channel_attention.channel_attention import (
    ChannelAttention,
    ChannelAttentionDescription,
    gate_module_bytes,
    squeeze_width,
)
from search_space.primitives.channel_attention.gate_counts import (
    perceptron_counts,
)

if TYPE_CHECKING:
    from torch import nn

SPATIAL_KERNEL = 7


class BlockAttentionRatio(ChannelAttentionDescription):
    """CBAM as the paper writes it."""

    type: Literal["cbam"] = "cbam"
    reduction: int = Field(default=16, ge=1, le=LARGEST)
    """Channels over hidden width, which is rounded down to at least 1."""

    def resolve(self, channels: int, in_channels: int) -> BlockAttention:
        """Return CBAM with the width of its perceptron's hidden layer."""
        return BlockAttention(squeeze=squeeze_width(channels, self.reduction))


class BlockAttention(ChannelAttention):
    """CBAM with a perceptron of ``squeeze`` hidden numbers."""

    type: Literal["cbam"] = "cbam"
    squeeze: int = Field(ge=1, le=LARGEST)

    @property
    def label(self) -> str:
        """The label, such as ``cbam(64)``."""
        return f"cbam({self.squeeze})"

    def build(self, channels: int) -> nn.Module:
        """See :class:`BlockAttention2d`."""
        from search_space.layers.channel_attention.block_attention import (
            BlockAttention2d,
        )

        return BlockAttention2d(channels, self.squeeze, SPATIAL_KERNEL)

    def counts(self, channels: int, hw: tuple[int, int]) -> Counts:
        """See :meth:`ChannelAttention.counts`; the perceptron is used twice."""
        once = perceptron_counts(channels, self.squeeze)
        return (
            Counts(once.params, 2 * once.macs, 2 * once.activations)
            + convolution_counts(2, 1, SPATIAL_KERNEL, hw)
            + norm_counts(1)
        )

    def training_bytes(self, channels: int, hw: tuple[int, int]) -> TrainingBytes:
        """See :meth:`ChannelAttention.training_bytes`."""
        pixels = hw[0] * hw[1]
        gates = 3 * channels + 2 * self.squeeze + 5 * pixels
        return gate_module_bytes(gates, channels, pixels, maps=2)
