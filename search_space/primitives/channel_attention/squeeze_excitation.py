"""Squeeze-and-excitation: each channel is scaled by a gate that sees all channels' means.

Source: Hu et al. 2018, "Squeeze-and-Excitation Networks", arXiv 1709.01507 (equations 2 to 4), with
biases, as the 28.1 M parameters of its ResNet-50 have them. MnasNet (Tan et al. 2019, arXiv
1807.11626) squeezes the hidden map to a quarter of the block's *input*: ``reduction`` 4 ``of`` the
input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from search_space.bounds import LARGEST
from search_space.counts import Counts, TrainingBytes
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


class SqueezeExcitationRatio(ChannelAttentionDescription):
    """Squeeze-and-excitation as the papers write it: with the reduction of its hidden layer."""

    type: Literal["se"] = "se"
    reduction: int = Field(default=16, ge=1, le=LARGEST)
    """Channels over hidden width, which is rounded down to at least 1."""
    of: Literal["output", "input"] = "output"
    """Whether `reduction` divides the output or the input channels of the block."""

    def resolve(self, channels: int, in_channels: int) -> SqueezeExcitation:
        """Return squeeze-and-excitation with the width of its hidden layer."""
        divided = channels if self.of == "output" else in_channels
        return SqueezeExcitation(squeeze=squeeze_width(divided, self.reduction))


class SqueezeExcitation(ChannelAttention):
    """Squeeze-and-excitation with a hidden layer of ``squeeze``."""

    type: Literal["se"] = "se"
    squeeze: int = Field(ge=1, le=LARGEST)

    @property
    def label(self) -> str:
        """The label, such as ``se(16)``."""
        return f"se({self.squeeze})"

    def build(self, channels: int) -> nn.Module:
        """See :class:`SqueezeExcitation2d`."""
        from search_space.layers.channel_attention.squeeze_excitation import (
            SqueezeExcitation2d,
        )

        return SqueezeExcitation2d(channels, self.squeeze)

    def counts(self, channels: int, hw: tuple[int, int]) -> Counts:
        """See :meth:`ChannelAttention.counts`."""
        return perceptron_counts(channels, self.squeeze)

    def training_bytes(self, channels: int, hw: tuple[int, int]) -> TrainingBytes:
        """See :meth:`ChannelAttention.training_bytes`."""
        return gate_module_bytes(2 * channels + self.squeeze, channels, hw[0] * hw[1], maps=1)
