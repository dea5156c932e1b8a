"""Gather-excite without parameters: each channel is scaled by the sigmoid of its own mean.

Source: Hu et al. 2018, "Gather-Excite: Exploiting Feature Context in Convolutional Neural
Networks", arXiv 1810.12348: the form GE-theta-minus with global extent, which AACN compares with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from search_space.counts import NO_COUNTS, Counts, TrainingBytes
from search_space.primitives.channel_attention.channel_attention import (
    ChannelAttention,
    gate_module_bytes,
)

if TYPE_CHECKING:
    from torch import nn


class GatherExcite(ChannelAttention):
    """Gather-excite of global extent, free of parameters."""

    type: Literal["ge"] = "ge"

    @property
    def label(self) -> str:
        """``ge``."""
        return "ge"

    def build(self, channels: int) -> nn.Module:
        """See :class:`GatherExcite2d`."""
        from search_space.layers.channel_attention.gather_excite import (
            GatherExcite2d,
        )

        return GatherExcite2d()

    def counts(self, channels: int, hw: tuple[int, int]) -> Counts:
        """See :meth:`ChannelAttention.counts`."""
        return NO_COUNTS

    def training_bytes(self, channels: int, hw: tuple[int, int]) -> TrainingBytes:
        """See :meth:`ChannelAttention.training_bytes`."""
        return gate_module_bytes(channels, channels, hw[0] * hw[1], maps=1)
