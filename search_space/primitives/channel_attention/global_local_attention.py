"""GALA: a gate from a global (channel) and a local (pixel) pathway, added and multiplied.

Source: Linsley et al. 2019, "Learning what and where to attend", arXiv 1805.08819 (section 3). Its
maps of where humans look, which train the gate as well, are left out, as in AACN's comparison.
The pathways, the learned weights a and m of each channel and the tanh are from descriptions of the
paper. Those do not give the biases and the initial a and m: here all layers have biases, as in the
authors' public code, and a and m start at one, where that code draws them at random. That code can
also normalise the local map and add a 5x5 convolution to its pathway and a ReLU after the global
one; none of these is here. AACN's 29.4 M parameters of ResNet-50 fit without the 5x5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from search_space.bounds import LARGEST
from search_space.counts import Counts, TrainingBytes, convolution_counts
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


class GlobalLocalAttentionRatio(ChannelAttentionDescription):
    """GALA as the papers write it."""

    type: Literal["gala"] = "gala"
    reduction: int = Field(default=16, ge=1, le=LARGEST)
    """Channels over hidden width, which is rounded down to at least 1."""

    def resolve(self, channels: int, in_channels: int) -> GlobalLocalAttention:
        """Return GALA with the width of its hidden layers."""
        return GlobalLocalAttention(squeeze=squeeze_width(channels, self.reduction))


class GlobalLocalAttention(ChannelAttention):
    """GALA with hidden layers of ``squeeze``."""

    type: Literal["gala"] = "gala"
    squeeze: int = Field(ge=1, le=LARGEST)

    @property
    def label(self) -> str:
        """The label, such as ``gala(64)``."""
        return f"gala({self.squeeze})"

    def build(self, channels: int) -> nn.Module:
        """See :class:`GlobalLocalAttention2d`."""
        from search_space.layers.channel_attention.global_local_attention import (
            GlobalLocalAttention2d,
        )

        return GlobalLocalAttention2d(channels, self.squeeze)

    def counts(self, channels: int, hw: tuple[int, int]) -> Counts:
        """See :meth:`ChannelAttention.counts`."""
        return (
            perceptron_counts(channels, self.squeeze)
            + convolution_counts(channels, self.squeeze, 1, hw, bias=True)
            + convolution_counts(self.squeeze, 1, 1, hw, bias=True)
            + Counts(2 * channels, 0, 0)
        )

    def training_bytes(self, channels: int, hw: tuple[int, int]) -> TrainingBytes:
        """See :meth:`ChannelAttention.training_bytes`."""
        pixels = hw[0] * hw[1]
        gates = 3 * channels + self.squeeze + (self.squeeze + 1) * pixels
        return gate_module_bytes(gates, channels, pixels, maps=2)
