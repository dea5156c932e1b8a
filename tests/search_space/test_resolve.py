"""Depths from fractions: rounding, its minimum, and refused values."""

from fractions import Fraction
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    LocalAttention,
)
from tests.search_space.comparison import normal
from tests.search_space.small_layers import augmented
from tests.search_space.strategies import examples


@examples(200)
@given(
    kappa=st.integers(0, 100),
    upsilon=st.integers(1, 100),
    heads=st.integers(1, 16),
    channels=st.integers(1, 300),
    least=st.sampled_from([1, 2, 20]),
)
@example(kappa=29, upsilon=57, heads=1, channels=100, least=1)  # 28.999..., 56.999... in binary
def test_depths_round_down_to_heads(
    kappa: int, upsilon: int, heads: int, channels: int, least: int
) -> None:
    ratios = AugmentedConvolutionRatios(
        kappa=kappa / 100, upsilon=upsilon / 100, heads=heads, min_key_depth_per_head=least
    )
    if heads > channels:
        with pytest.raises(ValueError, match=f"got heads={heads}, channels={channels}$"):
            ratios.resolve(channels, 7)
        return
    resolved = ratios.resolve(channels, 7)
    assert isinstance(resolved, AugmentedConvolution)
    exact_key, exact_value = Fraction(kappa, 100) * channels, Fraction(upsilon, 100) * channels
    assert resolved.key_depth == max(exact_key // heads * heads, least * heads)
    assert resolved.value_depth == max(exact_value // heads * heads, heads)
    assert resolved.heads == heads
    assert resolved.resolve(channels, 7) == resolved
    resolved.check_channels(channels)


@examples(100)
@given(
    share=st.integers(1, 100),
    heads=st.integers(1, 8),
    channels=st.integers(8, 300),
    key=st.booleans(),
)
def test_rounding_to_the_nearest_multiple(share: int, heads: int, channels: int, key: bool) -> None:
    ratios = AugmentedConvolutionRatios(
        kappa=share / 100 if key else 0.5,
        upsilon=0.5 if key else share / 100,
        heads=heads,
        min_key_depth_per_head=1,
        key_rounding="nearest",
        value_rounding="nearest",
    )
    resolved = ratios.resolve(channels, 7)
    assert isinstance(resolved, AugmentedConvolution)
    depth = resolved.key_depth if key else resolved.value_depth
    exact = Fraction(share, 100) * channels
    assert depth % heads == 0
    within = 2 * abs(depth - exact) <= heads
    at_an_end = depth == heads or (not key and depth == channels // heads * heads)
    assert within or at_an_end
    assert resolved.value_depth <= channels


def depths(kappa: float, upsilon: float, channels: int, **fields: Any) -> tuple[int, int]:
    fields = {"heads": 1, "min_key_depth_per_head": 1} | fields
    resolved = AugmentedConvolutionRatios(kappa=kappa, upsilon=upsilon, **fields).resolve(
        channels, 7
    )
    assert isinstance(resolved, AugmentedConvolution)
    return resolved.key_depth, resolved.value_depth


def test_rounding_by_hand() -> None:
    assert 0.29 * 100 < 29  # in floating point
    assert depths(0.29, 0.29, 100) == (29, 29)
    assert depths(0.58, 0.57, 100) == (58, 57)
    assert depths(0.25, 0.25, 128, heads=8, min_key_depth_per_head=20) == (160, 32)
    assert depths(0.25, 0.25, 1024, heads=8, min_key_depth_per_head=20) == (256, 256)
    assert depths(0.2, 0.1, 250, heads=8) == (48, 24)  # of 50 and 25
    assert depths(0.2, 0.1, 250, heads=8, value_rounding="nearest") == (48, 24)
    assert depths(0.23, 0.12, 250, heads=8, key_rounding="nearest") == (56, 24)  # of 57.5, 30
    assert depths(0.23, 0.12, 250, heads=8, value_rounding="nearest") == (56, 32)
    assert depths(0.0, 0.01, 64, heads=8, min_key_depth_per_head=20) == (160, 8)
    assert depths(1.0, 1.0, 10, heads=4) == (8, 8)  # never more channels than there are
    assert depths(1.0, 1.0, 10, heads=4, value_rounding="nearest") == (8, 8)


def test_without_attention_channels_it_is_a_convolution() -> None:
    for kernel in (3, 5):
        ratios = AugmentedConvolutionRatios(kernel=kernel, kappa=0.5, upsilon=0.0, heads=8)
        assert ratios.resolve(4, 4) == Convolution(kernel=kernel)  # whatever the heads


def test_a_kernel_that_nothing_uses_is_canonical() -> None:
    forms = [
        AugmentedConvolutionRatios(kernel=k, kappa=0.5, upsilon=1.0, heads=4).resolve(16, 16)
        for k in (1, 3, 5)
    ]
    assert forms[0] == forms[1] == forms[2]
    used = [
        AugmentedConvolutionRatios(kernel=k, kappa=0.5, upsilon=1.0, heads=4).resolve(18, 18)
        for k in (1, 3, 5)
    ]
    assert len(set(used)) == 3  # 2 channels of 18 are left to it
    same = augmented(kernel=5, value_depth=8).resolve(8, 8)
    assert same == augmented(kernel=3, value_depth=8)
    assert augmented(kernel=5, value_depth=8).resolve(9, 8).kernel == 5


def local(**fields: Any) -> LocalAttention:
    return LocalAttention.model_validate({"heads": 2} | fields)


def test_settings_of_local_attention_that_nothing_uses_are_canonical() -> None:
    for fields, canonical in [
        ({"layout": "across_heads", "position": "none"}, {"position": "none"}),
        ({"layout": "across_heads", "position": "sine"}, {"position": "sine"}),
        ({"layout": "across_heads", "heads": 1}, {"heads": 1}),
        ({"extent": 1, "border": "zeros"}, {"extent": 1, "heads": 1}),
        ({"extent": 1, "scaled": False, "layout": "across_heads"}, {"extent": 1, "heads": 1}),
        ({"heads": 8, "scaled": False, "position": "none"}, {"heads": 8, "position": "none"}),
    ]:
        assert local(**fields).resolve(8, 4) == local(**canonical), fields
    for fields in [
        {"layout": "across_heads"},
        {"border": "zeros", "scaled": False},
        {"content": False, "layout": "across_heads"},
        {"extent": 1, "heads": 1, "content": False},  # has no W_K
    ]:
        resolved = local(**fields).resolve(8, 4)
        assert resolved == local(**fields)
        assert resolved != local()


@pytest.mark.parametrize(
    ("fields", "in_channels"),
    [
        ({"extent": 1, "border": "zeros", "layout": "across_heads", "scaled": False}, 6),
        ({"extent": 1, "border": "zeros", "layout": "across_heads", "heads": 1}, 6),
        ({"extent": 1, "heads": 4, "position": "none"}, 6),
        ({"extent": 1, "heads": 2, "position": "coordconv"}, 6),
        ({"heads": 8, "position": "none", "scaled": False}, 6),
        ({"position": "sine"}, 3),
    ],
)
def test_equal_forms_are_equal_networks(fields: dict[str, Any], in_channels: int) -> None:
    spec = local(**fields)
    canonical = spec.resolve(8, in_channels)
    assert canonical != spec
    one, other = (each.build(in_channels, 8, 1, (4, 5)) for each in (spec, canonical))
    other.load_state_dict(
        {name: value.view_as(other.state_dict()[name]) for name, value in one.state_dict().items()}
    )
    x = normal(2, in_channels, 4, 5).float()
    torch.testing.assert_close(one(x), other(x))


def test_a_sine_of_few_channels_is_no_encoding() -> None:
    ratios = AugmentedConvolutionRatios(kappa=0.5, upsilon=0.5, heads=2, position="sine")
    assert ratios.resolve(8, 3) == ratios.replace(position="none").resolve(8, 3)
    assert ratios.resolve(8, 4) != ratios.replace(position="none").resolve(8, 4)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (local(heads=8, extent=7), "attn(k=7,h=8)"),
        (local(heads=8, position="sine"), "attn(k=7,h=8,sine)"),
        (local(position="coordconv", scaled=False), "attn(k=7,h=2,coordconv,unscaled)"),
        (local(content=False), "attn(k=7,h=2,qr-only)"),
        (
            local(content=False, layout="across_heads", border="zeros"),
            "attn(k=7,h=2,across-heads,qr-only,zeros)",
        ),
        (augmented("sine"), "aa(dk=8,dv=8,h=2,sine)"),
        (augmented("coordconv", downsample=True), "aa(dk=8,dv=8,h=2,coordconv,half)"),
        (AttentionStem(), "attention-stem(b=4,h=4,m=4) w64"),
        (AttentionStem(position="none", mixtures=8), "attention-stem(b=4,h=4,m=8,no-pos) w64"),
        (AttentionStem(values="pointwise"), "attention-stem(b=4,h=4,pointwise) w64"),
        (
            AttentionStem(values="convolution", position="none", width=8),
            "attention-stem(b=4,h=4,convolution,no-pos) w8",
        ),
    ],
)
def test_labels_show_what_differs_from_the_defaults(value: Any, label: str) -> None:
    assert value.label == label


def test_stems_of_one_network_are_one_value() -> None:
    pointwise = AttentionStem(values="pointwise")
    assert pointwise.mixtures == 1
    assert pointwise == AttentionStem(values="pointwise", mixtures=1) == AttentionStem(mixtures=1)
    assert AttentionStem() == AttentionStem(values="spatially_aware", mixtures=4)
    assert AttentionStem(values="convolution").mixtures == 1
    for stem in (pointwise, AttentionStem(), AttentionStem(values="convolution")):
        assert AttentionStem.from_json(stem.canonical_json()) == stem
        assert stem.replace(width=32).values == stem.values
    assert AttentionStem(values="pointwise", mixtures=4) == pointwise
    assert AttentionStem().replace(values="pointwise") == pointwise
    with pytest.raises(ValidationError, match="mixtures"):
        AttentionStem(mixtures=0)
    with pytest.raises(ValidationError):
        AttentionStem.model_validate("attention")


def refused(kind: Any, **fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate(fields)
    return str(caught.value)


def test_refused_values_are_named() -> None:
    whole = augmented().model_dump()
    assert "kernel must be odd, got kernel=4" in refused(Convolution, kernel=4)
    assert "kernel must be odd, got kernel=2" in refused(ConvolutionStem, kernel=2)
    assert "kernel must be odd, got kernel=4" in refused(
        AugmentedConvolutionRatios, kernel=4, kappa=0.5, upsilon=0.5
    )
    assert "kernel must be odd, got kernel=4" in refused(
        AugmentedConvolution, **whole | {"kernel": 4}
    )
    assert "heads must divide key_depth, got key_depth=50, heads=8" in refused(
        AugmentedConvolution, **whole | {"key_depth": 50, "heads": 8}
    )
    assert "heads must divide value_depth, got value_depth=9, heads=2" in refused(
        AugmentedConvolution, **whole | {"value_depth": 9}
    )
    assert "extent must be odd, got extent=6" in refused(LocalAttention, extent=6)
    for position in ("none", "sine", "coordconv"):
        assert f"position=relative, got content=False, position={position}" in refused(
            LocalAttention, content=False, position=position
        )
    assert "got width=10, heads=4" in refused(AttentionStem, width=10, heads=4)
    assert "2 channels a head, got width=4, heads=4" in refused(AttentionStem, width=4)
    AttentionStem(width=4, position="none")
    for ratio in (-0.1, 1.1, float("nan")):
        assert "kappa" in refused(AugmentedConvolutionRatios, kappa=ratio, upsilon=0.5)
        assert "upsilon" in refused(AugmentedConvolutionRatios, kappa=0.5, upsilon=ratio)


def test_channels_that_do_not_fit_are_named() -> None:
    for spec, channels, message in [
        (LocalAttention(heads=8), 20, "heads must divide .* got channels=20, heads=8"),
        (LocalAttention(heads=8), 8, "2 channels a head, got channels=8, heads=8"),
        (augmented(value_depth=8), 6, "got value_depth=8, channels=6"),
    ]:
        with pytest.raises(ValueError, match=message):
            spec.resolve(channels, 4)
        with pytest.raises(ValueError, match=message):
            spec.build(4, channels, 1, (4, 4))
    LocalAttention(heads=8, position="none").build(4, 8, 1, (4, 4))
