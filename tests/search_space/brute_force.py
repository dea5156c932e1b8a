"""A search space walked through by its plain description alone: the oracle of ``SearchSpace``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from search_space.architecture import Architecture, Stage
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    LocalAttention,
)

STEMS = {"conv": ConvolutionStem, "attention": AttentionStem}
DESCRIPTIONS = {
    "conv": Convolution,
    "augmented_conv": AugmentedConvolutionRatios,
    "local_attention": LocalAttention,
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def mappings(alternatives: Any) -> Iterator[dict[str, Any]]:
    """Every combination of the fields' choices, type by type."""
    for alternative in as_list(alternatives):
        for picks in product(*map(as_list, alternative.values())):
            yield dict(zip(alternative, picks, strict=True))


def stages_of(described: dict[str, Any]) -> Iterator[Stage]:
    """Every stage by its raw choices; repeats where two choices resolve to one."""
    overrides = described.get("overrides", {})
    for depth, width in product(as_list(described["depth"]), as_list(described["width"])):
        shared_blocks = [block for block in range(depth) if block not in overrides]
        places = [overrides[block] for block in range(depth) if block in overrides]
        places += [described["primitive"]] if shared_blocks else []
        for picks in product(*(mappings(place) for place in places)):
            resolved = [DESCRIPTIONS[p["type"]](**p).resolve(width) for p in picks]
            blocks = dict(zip((b for b in range(depth) if b in overrides), resolved, strict=False))
            blocks |= dict.fromkeys(shared_blocks, resolved[-1])
            yield Stage(
                width=width,
                stride=described.get("stride", 1),
                blocks=tuple(blocks[block] for block in range(depth)),
            )


def stems_of(described: dict[str, Any]) -> list[Any]:
    """Every stem by its raw choices."""
    return [STEMS[p["type"]](**p) for p in mappings(described["stem"])]


def distinct_count(described: dict[str, Any]) -> int:
    """How many architectures there are, without forming them whole."""
    count = len(set(stems_of(described)))
    for stage in described["stages"]:
        count *= len(set(stages_of(stage)))
    return count


def raw_architectures(described: dict[str, Any]) -> Iterator[Architecture]:
    """Every architecture by its raw choices; repeats where two choices resolve to one."""
    for stem, *stages in product(stems_of(described), *map(stages_of, described["stages"])):
        yield Architecture(
            block=described.get("block", "bottleneck"),
            expansion=described.get("expansion", 4),
            stem=stem,
            stages=tuple(stages),
        )
