"""BAM: a channel gate and a spatial gate side by side, after a stage.

Source: Park et al. 2018, "BAM: Bottleneck Attention Module", arXiv 1807.06514 (equations 1 to 4).
The branches are added before the sigmoid, as in the paper; its authors' public code multiplies
them. Biases and batch normalisation (after each hidden layer, where the paper's equations have one
at each branch's end) are as in that code: they give the paper's 25.92 M parameters of ResNet-50.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from search_space.bounds import LARGEST
from search_space.counts import Counts, TrainingBytes, convolution_counts, norm_counts
from search_space.primitives.channel_attention.channel_attention import (
    ChannelAttention,
    ChannelAttentionDescription,
    Placement,
    gate_module_bytes,
    squeeze_width,
)
from search_space.primitives.channel_attention.gate_counts import (
    perceptron_counts,
)

if TYPE_CHECKING:
    from torch import nn


class BottleneckAttentionRatio(ChannelAttentionDescription):
    """BAM as the paper writes it."""

    type: Literal["bam"] = "bam"
    reduction: int = Field(default=16, ge=1, le=LARGEST)
    """Channels over hidden width, which is rounded down to at least 1."""
    dilation: int = Field(default=4, ge=1, le=LARGEST)
    """Dilation of the spatial branch's 3x3 convolutions. Unit: pixels."""

    def resolve(self, channels: int, in_channels: int) -> BottleneckAttention:
        """Return BAM with the width of its hidden layers."""
        squeeze = squeeze_width(channels, self.reduction)
        return BottleneckAttention(squeeze=squeeze, dilation=self.dilation)


class BottleneckAttention(ChannelAttention):
    """BAM with hidden layers of ``squeeze``."""

    placement: ClassVar[Placement] = "stage"

    type: Literal["bam"] = "bam"
    squeeze: int = Field(ge=1, le=LARGEST)
    dilation: int = Field(default=4, ge=1, le=LARGEST)  # pixels

    @property
    def label(self) -> str:
        """The label, such as ``bam(32)``, or ``bam(32,d=2)`` with another dilation than 4."""
        extra = f",d={self.dilation}" if self.dilation != 4 else ""
        return f"bam({self.squeeze}{extra})"

    def build(self, channels: int) -> nn.Module:
        """See :class:`BottleneckAttention2d`."""
        from search_space.layers.channel_attention.bottleneck_attention import (
            BottleneckAttention2d,
        )

        return BottleneckAttention2d(channels, self.squeeze, self.dilation)

    def counts(self, channels: int, hw: tuple[int, int]) -> Counts:
        """See :meth:`ChannelAttention.counts`."""
        squeeze, norm = self.squeeze, norm_counts(self.squeeze)
        return (
            perceptron_counts(channels, squeeze)
            + convolution_counts(channels, squeeze, 1, hw, bias=True)
            + convolution_counts(squeeze, squeeze, 3, hw, bias=True).times(2)
            + norm.times(4)
            + convolution_counts(squeeze, 1, 1, hw, bias=True)
        )

    def training_bytes(self, channels: int, hw: tuple[int, int]) -> TrainingBytes:
        """See :meth:`ChannelAttention.training_bytes`."""
        pixels = hw[0] * hw[1]
        gates = channels + 2 * self.squeeze + 6 * self.squeeze * pixels
        return gate_module_bytes(gates, channels, pixels, maps=2)
