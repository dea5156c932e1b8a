"""Channel attention: against loops, against tracing, against the papers' parameter counts."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from search_space.primitives.channel_attention import (
    CHANNEL_ATTENTION_DESCRIPTIONS,
    CHANNEL_ATTENTIONS,
    BlockAttention,
    BlockAttentionRatio,
    BottleneckAttention,
    BottleneckAttentionRatio,
    ChannelAttention,
    ChannelAttentionDescription,
    GatherExcite,
    GlobalLocalAttention,
    GlobalLocalAttentionRatio,
    NoChannelAttention,
    SqueezeExcitation,
    SqueezeExcitationRatio,
)
from search_space.tracing.counts import count_module
from search_space.tracing.memory import saved_bytes
from tests.search_space import naive_channel_attention as naive
from tests.search_space.comparison import assert_same, normal, randomised
from tests.search_space.strategies import examples

EACH: list[ChannelAttention] = [
    SqueezeExcitation(squeeze=3),
    GatherExcite(),
    BottleneckAttention(squeeze=3, dilation=2),
    BlockAttention(squeeze=3),
    GlobalLocalAttention(squeeze=3),
]
NORMALISED_AWAY = tuple(
    f"{name}.bias" for name in ("channel.0", *(f"spatial.{i}" for i in (0, 3, 6)))
)


def label(gate: ChannelAttention) -> str:
    return gate.label


def oracle(gate: ChannelAttention, module: nn.Module, x: Tensor) -> Tensor:
    weights = dict(module.named_parameters()) | dict(module.named_buffers())
    if isinstance(gate, SqueezeExcitation):
        return naive.squeeze_excitation(x, weights)
    if isinstance(gate, GatherExcite):
        return naive.gather_excite(x, weights)
    if isinstance(gate, GlobalLocalAttention):
        return naive.global_local_attention(x, weights)
    if isinstance(gate, BlockAttention):
        return naive.block_attention(x, weights, training=module.training)
    assert isinstance(gate, BottleneckAttention)
    return naive.bottleneck_attention(x, weights, dilation=gate.dilation, training=module.training)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hw", [(3, 5), (4, 2), (1, 3), (1, 1)])
@pytest.mark.parametrize("gate", EACH, ids=label)
def test_against_loops(gate: ChannelAttention, hw: tuple[int, int], training: bool) -> None:
    module = randomised(gate.build(6)).train(training)
    x = normal(3, 6, *hw)

    def loops(x: Tensor) -> Tensor:
        return oracle(gate, module, x)

    without_effect = NORMALISED_AWAY if training and gate.type == "bam" else ()
    assert_same(module, loops, x, without_effect=without_effect)


def test_dilation_reaches_as_far_as_it_says() -> None:
    """At BAM's dilation of 4 a gate sees the pixels 4 and 8 away along a row, none between."""
    module = randomised(BottleneckAttention(squeeze=8).build(3)).eval()
    x = normal(1, 3, 1, 10).requires_grad_()
    (gradient,) = torch.autograd.grad(module.spatial(x)[0, 0, 0, 0], x)
    assert gradient.abs().sum(dim=(0, 1, 2)).nonzero().flatten().tolist() == [0, 4, 8]


sizes = st.integers(min_value=1, max_value=9)
maps = st.tuples(sizes, sizes)
squeezes = st.integers(min_value=1, max_value=5)
gates = st.one_of(
    st.builds(SqueezeExcitation, squeeze=squeezes),
    st.builds(GatherExcite),
    st.builds(BottleneckAttention, squeeze=squeezes, dilation=st.integers(1, 4)),
    st.builds(BlockAttention, squeeze=squeezes),
    st.builds(GlobalLocalAttention, squeeze=squeezes),
)


@examples(80)
@given(gates, sizes, maps)
def test_closed_forms_are_what_is_traced(
    gate: ChannelAttention, channels: int, hw: tuple[int, int]
) -> None:
    module = gate.build(channels)
    shape = (channels, *hw)
    assert gate.counts(channels, hw) == count_module(module, shape)
    assert gate.training_bytes(channels, hw).saved == saved_bytes(module, shape)
    assert module(torch.zeros(2, *shape)).shape == (2, *shape)


def test_counts_written_out() -> None:
    """On 5 channels of 2 x 3 pixels, with 3 hidden numbers."""
    hidden = 5 * 3 + 3 + 3 * 5 + 5
    expected = {
        "se": (hidden, 30, 8),
        "ge": (0, 0, 0),
        "bam": (
            hidden + (5 * 3 + 3) + 2 * (9 * 9 + 3) + (3 + 1) + 4 * 6,
            30 + 6 * (15 + 2 * 81 + 3),
            8 + 6 * (3 + 3 + 3 + 1),
        ),
        "cbam": (hidden + 98 + 2, 2 * 30 + 6 * 98, 2 * 8 + 6),
        "gala": (hidden + (5 * 3 + 3) + (3 + 1) + 10, 30 + 6 * (15 + 3), 8 + 6 * 4),
    }
    assert {each.type: tuple(each.counts(5, (2, 3))) for each in EACH} == expected


@pytest.mark.parametrize("gate", EACH, ids=label)
def test_transient_is_what_a_step_needs_beside_what_is_saved(
    gate: ChannelAttention,
) -> None:
    images, shape = 4, (48, 14, 15)
    module = gate.build(shape[0])
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    x = torch.ones(images, *shape, requires_grad=True) * 1  # whose gradient nobody keeps
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        out = module(x)
        out.backward(torch.ones_like(out))
    events = profiled.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = [event for event in events if event.name() == "[memory]"]
    peak = alive = 0
    for event in sorted(changes, key=lambda event: event.start_ns()):
        alive += event.nbytes()
        peak = max(peak, alive)
    saved, transient = gate.training_bytes(shape[0], shape[1:])
    assert transient == pytest.approx(peak / images - saved, rel=0.1)


@pytest.mark.parametrize(
    ("description", "stages", "millions"),
    [
        (SqueezeExcitationRatio(), 4, 28.088),
        (BlockAttentionRatio(), 4, 28.09),
        (GlobalLocalAttentionRatio(), 4, 29.4),
        (BottleneckAttentionRatio(), 3, 25.92),
        (GatherExcite(), 4, 25.557),
        (NoChannelAttention(), 4, 25.557),
    ],
    ids=lambda value: getattr(value, "type", None),
)
def test_parameters_of_resnet50(
    description: ChannelAttentionDescription, stages: int, millions: float
) -> None:
    """Parameters are as printed in each paper (GALA: AACN's Table 2), to the last digit."""
    total = 25_557_032  # of ResNet-50 itself
    for blocks, channels in ((3, 256), (4, 512), (6, 1024), (3, 2048))[:stages]:
        resolved = description.resolve(channels, channels // 4)
        if resolved is not None:
            times = 1 if resolved.placement == "stage" else blocks
            total += times * resolved.counts(channels, (7, 7)).params
    digits = len(str(millions).partition(".")[2])
    assert round(total / 1e6, digits) == millions


@pytest.mark.parametrize(
    ("description", "resolved", "text"),
    [
        (SqueezeExcitationRatio(), SqueezeExcitation(squeeze=4), "se(4)"),
        (SqueezeExcitationRatio(reduction=4, of="input"), SqueezeExcitation(squeeze=6), "se(6)"),
        (SqueezeExcitationRatio(reduction=100), SqueezeExcitation(squeeze=1), "se(1)"),
        (GatherExcite(), GatherExcite(), "ge"),
        (BottleneckAttentionRatio(), BottleneckAttention(squeeze=4), "bam(4)"),
        (
            BottleneckAttentionRatio(reduction=7, dilation=2),
            BottleneckAttention(squeeze=9, dilation=2),
            "bam(9,d=2)",
        ),
        (BlockAttentionRatio(reduction=8), BlockAttention(squeeze=8), "cbam(8)"),
        (GlobalLocalAttentionRatio(), GlobalLocalAttention(squeeze=4), "gala(4)"),
    ],
)
def test_resolving(
    description: ChannelAttentionDescription, resolved: ChannelAttention, text: str
) -> None:
    """In a block of 25 channels to 64."""
    assert description.resolve(64, 25) == resolved
    assert resolved.resolve(64, 25) == resolved
    assert resolved.label == text
    assert type(resolved).from_json(resolved.canonical_json()) == resolved
    assert type(description).from_json(description.canonical_json()) == description


def test_no_channel_attention_resolves_to_none() -> None:
    assert NoChannelAttention().resolve(64, 25) is None


def test_types_are_known_by_their_names() -> None:
    assert {*CHANNEL_ATTENTIONS, "none"} == set(CHANNEL_ATTENTION_DESCRIPTIONS)
    for known in (CHANNEL_ATTENTIONS, CHANNEL_ATTENTION_DESCRIPTIONS):
        for name, kind in known.items():
            assert kind.model_fields["type"].default == name
    placements = {name: kind.placement for name, kind in CHANNEL_ATTENTIONS.items()}
    assert placements == dict.fromkeys(("cbam", "gala", "ge", "se"), "branch") | {"bam": "stage"}


@pytest.mark.parametrize(
    ("description", "fields"),
    [
        (SqueezeExcitationRatio, {"reduction": 0}),
        (SqueezeExcitationRatio, {"of": "hidden"}),
        (SqueezeExcitation, {}),
        (SqueezeExcitation, {"squeeze": 0}),
        (BottleneckAttentionRatio, {"dilation": 0}),
        (BlockAttention, {"squeeze": 2.0}),
        (GlobalLocalAttention, {"squeeze": 2, "reduction": 16}),
        (GatherExcite, {"extent": 2}),
    ],
)
def test_what_is_refused(
    description: type[ChannelAttentionDescription], fields: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        description(**fields)


@pytest.mark.parametrize("name", ["se", "ge", "bam", "cbam", "gala"])
def test_gates_start_unsaturated(name: str) -> None:
    torch.manual_seed(0)
    resolved = CHANNEL_ATTENTION_DESCRIPTIONS[name]().resolve(256, 64)
    assert resolved is not None
    x = torch.randn(4, 256, 7, 8)
    gate = resolved.build(256)(x) / x
    low, high = {"bam": (1.0, 2.0), "cbam": (0.0, 0.5), "gala": (-1.0, 1.0)}.get(name, (0.0, 1.0))
    share = (gate - low) / (high - low)  # of the way between a gate's two ends
    assert bool(((share > -1e-4) & (share < 1 + 1e-4)).all())
    assert float(((share < 0.02) | (share > 0.98)).float().mean()) < 0.1


class Sharpening(ChannelAttention):
    """Channel attention of a user's own, which states no costs."""

    type: Literal["sharpening"] = "sharpening"

    @property
    def label(self) -> str:
        return "sharpening"

    def build(self, channels: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Sigmoid())


def test_costs_of_own_channel_attention_are_traced() -> None:
    own = Sharpening()
    assert own.resolve(4, 2) is own
    assert own.placement == "branch"
    assert tuple(own.counts(4, (3, 5))) == (20, 16 * 15, 4 * 15)
    assert own.training_bytes(4, (3, 5)).saved == 4 * 4 * 15
