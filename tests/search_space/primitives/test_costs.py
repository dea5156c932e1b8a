"""The closed forms of costs: to the unit what tracing counts, to the byte what autograd keeps."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from search_space.architecture import Architecture, Stage, Task
from search_space.cost import network_costs
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    Convolution,
    ConvolutionStem,
    LocalAttention,
    Primitive,
    Stem,
)
from search_space.tracing.counts import count_module
from search_space.tracing.memory import saved_bytes
from tests.search_space.strategies import examples

KERNELS = st.sampled_from([1, 3, 5])
HEADS = st.sampled_from([1, 2, 3, 4])
MAPS = st.tuples(st.integers(1, 9), st.integers(1, 9))
OUT_CHANNELS = 12  # divided by every number of heads

POSITIONS = st.sampled_from(["none", "relative", "sine", "coordconv"])

convolutions = st.builds(Convolution, kernel=KERNELS)
augmented_convolutions = st.builds(
    lambda heads, key_width, value_width, **fields: AugmentedConvolution(
        heads=heads, key_depth=key_width * heads, value_depth=value_width * heads, **fields
    ),
    heads=HEADS,
    key_width=st.integers(1, 5),
    value_width=st.integers(1, 3),  # up to all of the channels
    kernel=KERNELS,
    position=POSITIONS,
    downsample=st.booleans(),
)
local_attentions = st.builds(
    lambda content, **fields: LocalAttention.model_validate(
        fields | {"content": content or fields["position"] != "relative"}
    ),
    extent=st.sampled_from([1, 3, 5, 9]),
    heads=HEADS,
    position=POSITIONS,
    layout=st.sampled_from(["per_head", "across_heads"]),
    content=st.booleans(),
    scaled=st.booleans(),
    border=st.sampled_from(["masked", "zeros"]),
)
convolution_stems = st.builds(
    ConvolutionStem,
    width=st.integers(1, 9),
    kernel=KERNELS,
    stride=st.integers(1, 3),
    pool=st.booleans(),
    activated=st.booleans(),
)
attention_stems = st.builds(
    lambda heads, head_width, values, mixtures, **fields: AttentionStem.model_validate(
        fields
        | {"heads": heads, "width": heads * head_width, "values": values}
        | ({"mixtures": mixtures} if values == "spatially_aware" else {})
    ),
    heads=HEADS,
    head_width=st.integers(2, 5),
    block=st.sampled_from([2, 3, 4]),
    values=st.sampled_from(["spatially_aware", "pointwise", "convolution"]),
    mixtures=st.integers(1, 4),
    position=st.sampled_from(["none", "relative"]),
)


def assert_primitive(
    primitive: Primitive, in_channels: int, stride: int, hw: tuple[int, int]
) -> None:
    shape, sizes = (in_channels, *hw), (in_channels, OUT_CHANNELS, stride, hw)
    module = primitive.build(*sizes)
    assert primitive.counts(*sizes) == count_module(module, shape)
    out = OUT_CHANNELS * -(-hw[0] // stride) * -(-hw[1] // stride)
    followed = saved_bytes(nn.Sequential(module, nn.BatchNorm2d(OUT_CHANNELS)), shape)
    kept, transient = primitive.training_bytes(*sizes)
    assert kept == followed - 4 * out
    assert transient >= 4 * out


@examples(20)
@given(primitive=convolutions, in_channels=st.integers(1, 9), stride=st.integers(1, 3), hw=MAPS)
def test_convolutions(primitive: Primitive, in_channels: int, stride: int, hw: Any) -> None:
    assert_primitive(primitive, in_channels, stride, hw)


@examples(45)
@given(
    primitive=augmented_convolutions,
    in_channels=st.integers(1, 9),
    stride=st.integers(1, 3),
    hw=MAPS,
)
def test_augmented_convolutions(
    primitive: Primitive, in_channels: int, stride: int, hw: Any
) -> None:
    assert_primitive(primitive, in_channels, stride, hw)


@examples(45)
@given(primitive=local_attentions, in_channels=st.integers(1, 9), stride=st.integers(1, 3), hw=MAPS)
def test_local_attentions(primitive: Primitive, in_channels: int, stride: int, hw: Any) -> None:
    assert_primitive(primitive, in_channels, stride, hw)


def assert_stem(stem: Stem, in_channels: int, hw: tuple[int, int]) -> None:
    module = stem.build(in_channels)
    assert stem.counts(in_channels, hw) == count_module(module, (in_channels, *hw))
    kept, transient = stem.training_bytes(in_channels, hw)
    assert kept == saved_bytes(module, (in_channels, *hw))
    assert transient >= 4 * stem.width * prod(stem.output_hw(hw))


@examples(30)
@given(stem=convolution_stems, in_channels=st.integers(1, 3), hw=MAPS)
def test_convolution_stems(stem: Stem, in_channels: int, hw: tuple[int, int]) -> None:
    assert_stem(stem, in_channels, hw)


@examples(30)
@given(
    stem=attention_stems,
    in_channels=st.integers(1, 3),
    blocks=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_attention_stems(stem: AttentionStem, in_channels: int, blocks: tuple[int, int]) -> None:
    assert_stem(stem, in_channels, (blocks[0] * stem.block, blocks[1] * stem.block))


def test_larger_maps() -> None:
    """On these local attention goes shift by shift, as on the papers' first stages."""
    for fields in ({}, {"content": False}, {"position": "sine"}, {"layout": "across_heads"}):
        spec = LocalAttention.model_validate({"extent": 5, "heads": 2} | fields)
        assert_primitive(spec, 8, 2, (15, 21))


class Doubled(Stem):
    """A stem that states no costs."""

    type: str = "doubled"

    @property
    def label(self) -> str:
        return "doubled"

    def output_hw(self, input_hw: tuple[int, int]) -> tuple[int, int]:
        return input_hw

    def build(self, in_channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(in_channels, self.width, 1), nn.Conv2d(self.width, self.width, 1)
        )


def test_a_stem_of_ones_own_is_traced() -> None:
    stem = Doubled(width=5)
    assert stem.counts(3, (4, 6)) == (5 * 4 + 5 * 6, 24 * (15 + 25), 2 * 24 * 5)
    assert stem.training_bytes(3, (4, 6)).saved == 2 * 4 * 24 * 5


# The papers' numbers


IMAGENET = Task(dataset="imagenet", input_shape=(3, 224, 224), classes=1000)


def sasa(depths: tuple[int, ...], stem: Stem, attention: LocalAttention) -> Architecture:
    widths = (64, 128, 256, 512)
    stages = tuple(
        Stage(width=width, stride=1 if width == 64 else 2, blocks=(attention,) * depth)
        for width, depth in zip(widths, depths, strict=True)
    )
    return Architecture(stem=stem, stages=stages)


@pytest.mark.parametrize("position", ["relative", "none"])
@pytest.mark.parametrize(
    ("depths", "values", "printed"),
    [
        ((1, 2, 4, 1), "spatially_aware", 4.7),
        ((2, 3, 5, 2), "spatially_aware", 6.0),
        ((3, 4, 6, 3), "spatially_aware", 7.2),
        ((3, 4, 6, 3), "pointwise", 7.1),
        ((3, 4, 6, 3), "convolution", 7.4),
    ],
)
def test_attention_stems_as_the_paper_counts_them(
    depths: tuple[int, ...], values: Any, printed: float, position: Any
) -> None:
    """SASA Tables 1 and 7, in GFLOPs: met within 0.1 with the q.r term, and not without it."""
    stem = AttentionStem(values=values, position=position)
    costs = network_costs(sasa(depths, stem, LocalAttention()), IMAGENET)
    short = printed - 2e-9 * costs.macs
    assert 0 <= short < 0.1 if position == "relative" else short > 0.1


@pytest.mark.parametrize(
    ("fields", "gflops", "printed_gflops", "printed_params"),
    [
        ({}, 6.97, 7.0, 18.0),
        ({"content": False}, 6.14, 6.1, 16.7),  # Table 6
        ({"layout": "across_heads"}, 6.97, 7.0, 18.0),
        ({"position": "none"}, 6.78, 6.9, 18.0),  # Table 5: why the paper has more is not known
        ({"position": "sine"}, 6.78, 6.9, 18.0),
    ],
)
def test_ablations_as_the_paper_counts_them(
    fields: dict[str, Any], gflops: float, printed_gflops: float, printed_params: float
) -> None:
    """SASA Tables 5 and 6: GFLOPs, and millions of parameters, which are printed cut."""
    attention = LocalAttention.model_validate(fields)
    costs = network_costs(sasa((3, 4, 6, 3), ConvolutionStem(), attention), IMAGENET)
    assert round(2e-9 * costs.macs, 2) == gflops
    assert gflops == pytest.approx(printed_gflops, abs=0.05 if "position" not in fields else 0.13)
    assert costs.params // 100_000 / 10 == printed_params


def test_tracing_without_memory_of_weights() -> None:
    """As networks of one's own are counted: built on no device, then given memory."""
    for position in ("sine", "coordconv"):
        spec = LocalAttention(extent=3, heads=2, position=position)  # type: ignore[arg-type]
        with torch.device("meta"):
            module = spec.build(8, 8, 1, (5, 6))
        counted = count_module(module.to_empty(device="cpu"), (8, 5, 6))
        assert counted == spec.counts(8, 8, 1, (5, 6))
