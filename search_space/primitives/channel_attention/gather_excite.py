"""Gather-excite without parameters: each channel is scaled by the sigmoid of its own mean.

Source: Hu et al. 2018, "Gather-Excite: Exploiting Feature Context in Convolutional Neural
Networks", arXiv 1810.12348: the form GE-theta-minus with global extent, which AACN compares with.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from search_space.counts import NO_COUNTS, Counts, TrainingBytes
from search_space.primitives.channel_attention.channel_attention import (
    ChannelAttention,
    gate_module_bytes,
)


class GatherExcite(ChannelAttention):
    """Gather-excite of global extent, free of parameters."""

    type: Literal["ge"] = "ge"

    @property
    def label(self) -> str:
        """``ge``."""
        return "ge"

    def build(self, channels: int) -> nn.Module:
        """See :class:`GatherExcite2d`."""
        return GatherExcite2d()

    def counts(self, channels: int, hw: tuple[int, int]) -> Counts:
        """See :meth:`ChannelAttention.counts`."""
        return NO_COUNTS

    def training_bytes(self, channels: int, hw: tuple[int, int]) -> TrainingBytes:
        """See :meth:`ChannelAttention.training_bytes`."""
        return gate_module_bytes(channels, channels, hw[0] * hw[1], maps=1)


class GatherExcite2d(nn.Module):
    """``x * sigmoid(mean(x))``, the mean over pixels: ``[B, C, H, W] -> [B, C, H, W]``."""

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return x * x.mean(dim=(2, 3), keepdim=True).sigmoid()
