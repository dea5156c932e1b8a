"""The networks of Stand-Alone Self-Attention in Vision Models (arXiv 1906.05909) by name."""

from __future__ import annotations

from typing import Any

from search_space.primitives import AttentionStem, ConvolutionStem, LocalAttention
from search_space.zoo.named import NamedNetwork
from search_space.zoo.resnets import sasa_resnet

GROUPS = ("234", "34", "4", "1", "12", "123")
"""Layer groups that attend; the others convolve (Table 3)."""

EXTENTS = (3, 5, 9, 11)
"""Extents beside 7, which the paper chose (Table 4)."""

CONV_STEM = ConvolutionStem()


def _sasa_resnet(depth: int, table: int, **form: Any) -> NamedNetwork:
    return NamedNetwork(
        lambda width: sasa_resnet(depth, **form, width=width), f"SASA Table {table}"
    )


NETWORKS: dict[str, NamedNetwork] = {
    **{f"sasa_resnet{depth}": _sasa_resnet(depth, 1) for depth in (26, 38, 50)},
    **{
        f"sasa_resnet{depth}_conv_stem": _sasa_resnet(depth, 1, stem=CONV_STEM)
        for depth in (26, 38, 50)
    },
    **{
        f"sasa_resnet50_groups_{groups}": _sasa_resnet(
            50, 3, stem=CONV_STEM, attention_groups=tuple(map(int, groups))
        )
        for groups in GROUPS
    },
    **{
        f"sasa_resnet50_conv_stem_k{extent}": _sasa_resnet(
            50, 4, stem=CONV_STEM, attention=LocalAttention(extent=extent)
        )
        for extent in EXTENTS
    },
    "sasa_resnet50_conv_stem_no_position": _sasa_resnet(
        50, 5, stem=CONV_STEM, attention=LocalAttention(position="none")
    ),
    "sasa_resnet50_conv_stem_sine": _sasa_resnet(
        50, 5, stem=CONV_STEM, attention=LocalAttention(position="sine")
    ),
    "sasa_resnet50_conv_stem_qr_only": _sasa_resnet(
        50, 6, stem=CONV_STEM, attention=LocalAttention(content=False)
    ),
    "sasa_resnet50_stem_pointwise": _sasa_resnet(50, 7, stem=AttentionStem(values="pointwise")),
    "sasa_resnet50_stem_convolution": _sasa_resnet(50, 7, stem=AttentionStem(values="convolution")),
}
