"""Channel attention: gates that reweigh a map on a block's branch or after a stage."""

from search_space.primitives.channel_attention.block_attention import (
    BlockAttention,
    BlockAttentionRatio,
)
from search_space.primitives.channel_attention.bottleneck_attention import (
    BottleneckAttention,
    BottleneckAttentionRatio,
)
from search_space.primitives.channel_attention.channel_attention import (
    ChannelAttention,
    ChannelAttentionDescription,
    channel_attention_of_stage,
)
from search_space.primitives.channel_attention.gather_excite import GatherExcite
from search_space.primitives.channel_attention.global_local_attention import (
    GlobalLocalAttention,
    GlobalLocalAttentionRatio,
)
from search_space.primitives.channel_attention.no_channel_attention import (
    NO_CHANNEL_ATTENTION,
    NoChannelAttention,
)
from search_space.primitives.channel_attention.squeeze_excitation import (
    SqueezeExcitation,
    SqueezeExcitationRatio,
)

CHANNEL_ATTENTIONS: dict[str, type[ChannelAttention]] = {
    "bam": BottleneckAttention,
    "cbam": BlockAttention,
    "gala": GlobalLocalAttention,
    "ge": GatherExcite,
    "se": SqueezeExcitation,
}
"""Classes by the name of the type in an architecture."""

CHANNEL_ATTENTION_DESCRIPTIONS: dict[str, type[ChannelAttentionDescription]] = {
    "none": NoChannelAttention,
    "bam": BottleneckAttentionRatio,
    "cbam": BlockAttentionRatio,
    "gala": GlobalLocalAttentionRatio,
    "ge": GatherExcite,
    "se": SqueezeExcitationRatio,
}
"""Classes by the name of the type in a file that a person writes."""

__all__ = [
    "CHANNEL_ATTENTIONS",
    "CHANNEL_ATTENTION_DESCRIPTIONS",
    "NO_CHANNEL_ATTENTION",
    "BlockAttention",
    "BlockAttentionRatio",
    "BottleneckAttention",
    "BottleneckAttentionRatio",
    "ChannelAttention",
    "ChannelAttentionDescription",
    "GatherExcite",
    "GlobalLocalAttention",
    "GlobalLocalAttentionRatio",
    "NoChannelAttention",
    "SqueezeExcitation",
    "SqueezeExcitationRatio",
    "channel_attention_of_stage",
]
