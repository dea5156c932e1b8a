"""The networks of Attention Augmented Convolutional Networks (arXiv 1904.09925) by name."""

from __future__ import annotations

from typing import Any

from search_space.attention_forms import AttentionPosition
from search_space.primitives.channel_attention import (
    BlockAttentionRatio,
    BottleneckAttentionRatio,
    ChannelAttentionDescription,
    GatherExcite,
    GlobalLocalAttentionRatio,
    SqueezeExcitationRatio,
)
from search_space.zoo.mnasnets import mnasnet
from search_space.zoo.named import CIFAR_100, NamedNetwork
from search_space.zoo.resnets import aa_resnet, resnet
from search_space.zoo.wide_resnets import wide_resnet

RATIOS = {34: (0.25, 0.25), 50: (0.2, 0.1), 101: (0.2, 0.1), 152: (0.2, 0.1)}
"""kappa and upsilon of the augmented ResNets by depth (section 4.2)."""

EQUAL_RATIOS = {"k025": 0.25, "k050": 0.5, "k075": 0.75, "k100": 1.0}
"""kappa = upsilon (Table 6)."""

POSITIONS: dict[str, AttentionPosition] = {
    "no_position": "none",
    "sine": "sine",
    "coordconv": "coordconv",
}
"""Position encodings beside ``relative``, which the paper chose (Table 7)."""

CHANNEL_ATTENTIONS: dict[str, ChannelAttentionDescription] = {
    "bam": BottleneckAttentionRatio(),
    "cbam": BlockAttentionRatio(),
    "gala": GlobalLocalAttentionRatio(),
}

MULTIPLIERS = {"075": 0.75, "100": 1.0, "125": 1.25, "140": 1.4}


def _resnet(depth: int, channel_attention: ChannelAttentionDescription, table: int) -> NamedNetwork:
    return NamedNetwork(
        lambda width: resnet(depth, channel_attention=channel_attention, width=width),
        f"AACN Table {table}",
    )


def _aa_resnet(
    depth: int, ratios: tuple[float, float], position: AttentionPosition, place: str
) -> NamedNetwork:
    return NamedNetwork(
        lambda width: aa_resnet(depth, *ratios, position=position, width=width), f"AACN {place}"
    )


def _wide_resnet(**form: Any) -> NamedNetwork:
    return NamedNetwork(
        lambda width: wide_resnet(**form, width=width), "AACN Table 1", task=CIFAR_100
    )


def _mnasnet(multiplier: float, *, augmented: bool) -> NamedNetwork:
    return NamedNetwork(
        lambda width: mnasnet(multiplier * width, augmented=augmented), "AACN Table 4"
    )


NETWORKS: dict[str, NamedNetwork] = {
    **{f"se_resnet{depth}": _resnet(depth, SqueezeExcitationRatio(), 3) for depth in RATIOS},
    **{f"{name}_resnet50": _resnet(50, each, 2) for name, each in CHANNEL_ATTENTIONS.items()},
    **{
        f"aa_resnet{depth}": _aa_resnet(depth, RATIOS[depth], "relative", "Table 3")
        for depth in RATIOS
    },
    **{
        f"aa_resnet50_{name}": _aa_resnet(50, (ratio, ratio), "relative", "Table 6")
        for name, ratio in EQUAL_RATIOS.items()
    },
    **{
        f"aa_resnet50_{name}_no_position": _aa_resnet(50, (ratio, ratio), "none", "Figure 4")
        for name, ratio in EQUAL_RATIOS.items()
    },
    **{
        f"aa_resnet{depth}_{name}": _aa_resnet(depth, RATIOS[depth], position, "Table 7")
        for depth in (34, 50)
        for name, position in POSITIONS.items()
    },
    "wide_resnet28_10": _wide_resnet(),
    "ge_wide_resnet28_10": _wide_resnet(channel_attention=GatherExcite()),
    "se_wide_resnet28_10": _wide_resnet(channel_attention=SqueezeExcitationRatio()),
    "aa_wide_resnet28_10": _wide_resnet(augmented=True),
    **{f"mnasnet_{n}": _mnasnet(m, augmented=False) for n, m in MULTIPLIERS.items()},
    **{f"aa_mnasnet_{n}": _mnasnet(m, augmented=True) for n, m in MULTIPLIERS.items()},
}
