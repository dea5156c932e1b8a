"""The papers' networks by name, for 224 x 224 images.

ResNet (He et al. 2015), its attention-augmented forms (AACN Tables 3 and 6: the last three stages
augmented, the 28 x 28 stage attending on a 14 x 14 map) and the fully attentional ones (SASA
Table 1, with the attention stem, or with the convolution stem).
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial

from search_space.architecture import Architecture, Stage
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    LocalAttention,
    Stem,
)
from search_space.primitives.primitive import Description

STAGE_WIDTHS = (64, 128, 256, 512)

DEPTHS = {
    26: (1, 2, 4, 1),
    34: (3, 4, 6, 3),
    38: (2, 3, 5, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks in each stage by nominal depth; 34 has basic blocks, the others bottlenecks."""


def _network(
    depth: int, primitive_of_stage: Callable[[int], Description], stem: Stem | None = None
) -> Architecture:
    basic = depth == 34
    stages = []
    for index, (width, blocks) in enumerate(zip(STAGE_WIDTHS, DEPTHS[depth], strict=True)):
        primitive = primitive_of_stage(index).resolve(width)
        stages.append(
            Stage(width=width, stride=2 if index else 1, blocks=(primitive,) * blocks),
        )
    return Architecture(
        block="basic" if basic else "bottleneck",
        expansion=1 if basic else 4,
        stem=stem or ConvolutionStem(),
        stages=tuple(stages),
    )


def _resnet(depth: int) -> Architecture:
    return _network(depth, lambda index: Convolution())


def _aa_resnet(depth: int, kappa: float, upsilon: float) -> Architecture:
    def primitive(index: int) -> Description:
        if index == 0:
            return Convolution()
        return AugmentedConvolutionRatios(kappa=kappa, upsilon=upsilon, downsample=index == 1)

    return _network(depth, primitive)


def _sasa_resnet(depth: int, stem: Stem) -> Architecture:
    return _network(depth, lambda index: LocalAttention(), stem)


ZOO: dict[str, Callable[[], Architecture]] = {
    **{f"resnet{depth}": partial(_resnet, depth) for depth in DEPTHS},
    "aa_resnet34": partial(_aa_resnet, 34, 0.25, 0.25),
    **{f"aa_resnet{depth}": partial(_aa_resnet, depth, 0.2, 0.1) for depth in (50, 101, 152)},
    **{
        f"aa_resnet50_k{round(100 * ratio):03d}": partial(_aa_resnet, 50, ratio, ratio)
        for ratio in (0.25, 0.5, 0.75, 1.0)
    },
    **{
        f"sasa_resnet{depth}": partial(_sasa_resnet, depth, AttentionStem())
        for depth in (26, 38, 50)
    },
    **{
        f"sasa_resnet{depth}_conv_stem": partial(_sasa_resnet, depth, ConvolutionStem())
        for depth in (26, 38, 50)
    },
}


def network(name: str) -> Architecture:
    """The network called ``name``.

    Raises:
        KeyError: no such name; the message has the nearest one.
    """
    if name not in ZOO:
        near = get_close_matches(name, ZOO, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(ZOO)}"
        raise KeyError(f"no network is called {name!r}; {hint}")
    return ZOO[name]()
