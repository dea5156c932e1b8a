"""Channel recalibration: what reweighs a map beside or after a block's primitive."""

from search_space.primitives.recalibration.block_attention import (
    BlockAttention,
    BlockAttentionRatio,
)
from search_space.primitives.recalibration.bottleneck_attention import (
    BottleneckAttention,
    BottleneckAttentionRatio,
)
from search_space.primitives.recalibration.gather_excite import GatherExcite
from search_space.primitives.recalibration.global_local_attention import (
    GlobalLocalAttention,
    GlobalLocalAttentionRatio,
)
from search_space.primitives.recalibration.no_recalibration import (
    NO_RECALIBRATION,
    NoRecalibration,
)
from search_space.primitives.recalibration.recalibration import (
    Recalibration,
    RecalibrationDescription,
    recalibrations_of_stage,
)
from search_space.primitives.recalibration.squeeze_excitation import (
    SqueezeExcitation,
    SqueezeExcitationRatio,
)

RECALIBRATIONS: dict[str, type[Recalibration]] = {
    "bam": BottleneckAttention,
    "cbam": BlockAttention,
    "gala": GlobalLocalAttention,
    "ge": GatherExcite,
    "se": SqueezeExcitation,
}
"""What a type's name means in an architecture."""

RECALIBRATION_DESCRIPTIONS: dict[str, type[RecalibrationDescription]] = {
    "none": NoRecalibration,
    "bam": BottleneckAttentionRatio,
    "cbam": BlockAttentionRatio,
    "gala": GlobalLocalAttentionRatio,
    "ge": GatherExcite,
    "se": SqueezeExcitationRatio,
}
"""What a type's name means where a person writes it."""

__all__ = [
    "NO_RECALIBRATION",
    "RECALIBRATIONS",
    "RECALIBRATION_DESCRIPTIONS",
    "BlockAttention",
    "BlockAttentionRatio",
    "BottleneckAttention",
    "BottleneckAttentionRatio",
    "GatherExcite",
    "GlobalLocalAttention",
    "GlobalLocalAttentionRatio",
    "NoRecalibration",
    "Recalibration",
    "RecalibrationDescription",
    "SqueezeExcitation",
    "SqueezeExcitationRatio",
    "recalibrations_of_stage",
]
