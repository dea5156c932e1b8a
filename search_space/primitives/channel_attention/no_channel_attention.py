"""No channel attention: a choice beside the gates."""

from __future__ import annotations

from typing import Literal

from search_space.primitives.channel_attention.channel_attention import ChannelAttentionDescription


class NoChannelAttention(ChannelAttentionDescription):
    """The map stays as it is."""

    type: Literal["none"] = "none"

    def resolve(self, channels: int, in_channels: int) -> None:
        """Return None."""


NO_CHANNEL_ATTENTION = NoChannelAttention()
