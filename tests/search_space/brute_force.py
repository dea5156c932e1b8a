"""The oracle of ``SearchSpace``: enumeration from a space's plain description alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

from search_space.architecture import Architecture, Stage
from search_space.detector import Detector
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    Identity,
    InvertedBottleneckRatios,
    LocalAttention,
)
from search_space.primitives.channel_attention import CHANNEL_ATTENTION_DESCRIPTIONS

STEMS = {"conv": ConvolutionStem, "attention": AttentionStem}
DESCRIPTIONS: dict[str, Any] = {
    "conv": Convolution,
    "augmented_conv": AugmentedConvolutionRatios,
    "local_attention": LocalAttention,
    "inverted_bottleneck": InvertedBottleneckRatios,
    "identity": Identity,
}
FIXED = ("family", "block", "expansion", "shortcut", "head")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def mappings(component: Any) -> Iterator[dict[str, Any]]:
    """Every combination of the fields' choices, type by type."""
    for entry in as_list(component):
        for picks in product(*map(as_list, entry.values())):
            yield dict(zip(entry, picks, strict=True))


def stages_of(described: dict[str, Any], in_channels: int, expansion: int) -> Iterator[Stage]:
    """Every stage by its raw choices; repeats where two choices resolve to one."""
    overrides = described.get("overrides", {})
    channel_attentions = list(mappings(described.get("recalibration", {"type": "none"})))
    for depth, width in product(as_list(described["depth"]), as_list(described["width"])):
        inputs = [in_channels, *[width * expansion] * (depth - 1)]
        shared_blocks = [block for block in range(depth) if block not in overrides]
        components = [overrides[block] for block in range(depth) if block in overrides]
        components += [described["primitive"]] if shared_blocks else []
        for *picks, channel_attention in product(*map(mappings, components), channel_attentions):
            chosen = [DESCRIPTIONS[pick["type"]](**pick) for pick in picks]
            blocks = dict(zip((b for b in range(depth) if b in overrides), chosen, strict=False))
            blocks |= dict.fromkeys(shared_blocks, chosen[-1])
            gate = CHANNEL_ATTENTION_DESCRIPTIONS[channel_attention["type"]](**channel_attention)
            each = [gate.resolve(width * expansion, channels) for channels in inputs]
            for index, resolved in enumerate(each[:-1]):
                if resolved is not None and resolved.placement == "stage":
                    each[index] = None
            yield Stage(
                width=width,
                stride=described.get("stride", 1),
                blocks=tuple(blocks[b].resolve(width, inputs[b]) for b in range(depth)),
                recalibration=tuple(each) if any(each) else (),
            )


def stems_of(described: dict[str, Any]) -> list[Any]:
    """Every stem by its raw choices."""
    return [STEMS[p["type"]](**p) for p in mappings(described["stem"])]


def stage_lists(
    described: list[dict[str, Any]], in_channels: int, expansion: int
) -> Iterator[tuple[Stage, ...]]:
    """Every sequence of stages by its raw choices, repeats included."""
    if not described:
        yield ()
        return
    for stage in stages_of(described[0], in_channels, expansion):
        for later in stage_lists(described[1:], stage.width * expansion, expansion):
            yield (stage, *later)


def detectors_of(described: dict[str, Any] | None) -> Iterator[Detector | None]:
    """Every detector by its raw choices, repeats included; None for a space of classifiers."""
    if described is None:
        yield None
        return
    chosen = ("width", "layers", "pyramid", "heads")
    fixed = {name: value for name, value in described.items() if name not in chosen}
    convolution = {"type": "conv"}
    for width, layers, pyramid, heads in product(
        as_list(described.get("width", 256)),
        as_list(described.get("layers", 4)),
        mappings(described.get("pyramid", convolution)),
        mappings(described.get("heads", convolution)),
    ):
        operators = {
            name: DESCRIPTIONS[each["type"]](**each).resolve(width, width)
            for name, each in (("pyramid", pyramid), ("heads", heads))
        }
        yield Detector(width=width, layers=layers, **operators, **fixed)


def distinct_count(described: dict[str, Any]) -> int:
    """Count the architectures without forming them whole."""
    expansion = described.get("expansion", 4)

    @cache
    def from_stage(number: int, in_channels: int) -> int:
        if number == len(described["stages"]):
            return 1
        different = set(stages_of(described["stages"][number], in_channels, expansion))
        return sum(from_stage(number + 1, stage.width * expansion) for stage in different)

    backbones = sum(from_stage(0, stem.width) for stem in set(stems_of(described)))
    return backbones * len(set(detectors_of(described.get("detector"))))


def raw_architectures(described: dict[str, Any]) -> Iterator[Architecture]:
    """Every architecture by its raw choices; repeats where two choices resolve to one."""
    fixed = {name: described[name] for name in FIXED if name in described}
    for stem in stems_of(described):
        for stages in stage_lists(described["stages"], stem.width, described.get("expansion", 4)):
            for detector in detectors_of(described.get("detector")):
                yield Architecture(**fixed, stem=stem, stages=stages, detector=detector)
