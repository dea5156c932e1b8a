"""Initial weights: relative embeddings, convolutions, projections, normalisations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from search_space.architecture import Task
from search_space.layers.attention_stem import AttentionStem2d
from search_space.layers.channel_attention.block_attention import BlockAttention2d
from search_space.layers.mixed_values import MixedValues
from search_space.networks import build
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    LocalAttention,
    Primitive,
)
from search_space.zoo import network

TASK = Task(input_shape=(3, 16, 16), classes=5)


def module(primitive: Primitive, in_channels: int, out_channels: int, side: int) -> Any:
    torch.manual_seed(0)
    return primitive.build(in_channels, out_channels, 1, (side, side))


def assert_spread(values: Tensor, std: float) -> None:
    """Assert a spread and mean within five standard errors of a normal sample around zero."""
    number = values.numel()
    numbers = values.detach().double()
    margin = 5 / (2 * number) ** 0.5
    assert float(numbers.square().mean().sqrt()) == pytest.approx(std, rel=margin)
    assert abs(float(numbers.mean())) < 5 * std / number**0.5


# Relative embeddings: (key depth of a head) ** -0.5


@pytest.mark.parametrize(("key_depth", "heads"), [(64, 4), (160, 8), (9, 1)])
def test_embeddings_of_an_augmented_convolution(key_depth: int, heads: int) -> None:
    primitive = AugmentedConvolution(
        kernel=3,
        key_depth=key_depth,
        value_depth=2 * heads,
        heads=heads,
        position="relative",
        downsample=False,
    )
    layer = module(primitive, 16, 32, 64)
    for table in (layer.row_embedding, layer.column_embedding):
        assert table.shape == (1, 127, key_depth // heads)
        assert_spread(table, (key_depth / heads) ** -0.5)


@pytest.mark.parametrize("layout", ["per_head", "across_heads"])
@pytest.mark.parametrize(("channels", "heads"), [(512, 8), (96, 2)])
def test_embeddings_of_local_attention(layout: Any, channels: int, heads: int) -> None:
    layer = module(LocalAttention(heads=heads, layout=layout), 16, channels, 8)
    for table in (layer.row_embedding, layer.column_embedding):
        assert table.numel() == 7 * channels // 2
        assert_spread(table, (channels / heads) ** -0.5)


def test_embeddings_of_the_attention_stem() -> None:
    torch.manual_seed(0)
    stem = AttentionStem(width=256, heads=4, block=8, mixtures=16).build(3)
    assert isinstance(stem, AttentionStem2d)
    assert isinstance(stem.values, MixedValues)
    for table in (
        stem.row_embedding,
        stem.column_embedding,
        stem.values.row_embedding,
        stem.values.column_embedding,
    ):
        assert table is not None
        assert_spread(table, 64**-0.5)
    assert_spread(stem.values.mixture_embedding, 1.0)


# Convolutions and projections


def assert_glorot(weight: Tensor) -> None:
    """Assert a uniform sample of variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""
    outputs, inputs = (side * weight[0, 0].numel() for side in weight.shape[:2])
    std = (2 / (inputs + outputs)) ** 0.5
    assert_spread(weight, std)
    assert float(weight.detach().abs().max()) <= 3**0.5 * std


@pytest.mark.parametrize("name", ["resnet26", "se_resnet34", "mnasnet_100", "wide_resnet28_10@0.3"])
def test_convolutions_start_by_he(name: str) -> None:
    """Normal of variance 2 / fan-out (He et al. 2015); of a depthwise one that is a window."""
    model = build(network(name), TASK, seed=0)
    depthwise = 0
    for conv in model.modules():
        if isinstance(conv, nn.Conv2d):
            assert conv.bias is None
            depthwise += conv.groups > 1
            fan_out = conv.kernel_size[0] * conv.kernel_size[1] * conv.out_channels // conv.groups
            assert_spread(conv.weight, (2 / fan_out) ** 0.5)
            widest = float(conv.weight.detach().abs().max()) * (fan_out / 2) ** 0.5
            assert widest > 2  # standard deviations, which a uniform distribution has not
    assert depthwise == 16 * (name == "mnasnet_100")


def test_each_matrix_of_attention_starts_by_glorot_by_itself() -> None:
    """W_Q, W_K, each value matrix and the heads' mixture, whatever shares a convolution."""
    augmented = AugmentedConvolution(
        kernel=3, key_depth=32, value_depth=16, heads=4, position="none", downsample=False
    )
    layer = module(augmented, 24, 48, 4)
    for matrix in (*layer.qkv.weight.split([32, 32, 16]), layer.mix_heads.weight):
        assert_glorot(matrix)
    assert not layer.qkv.bias.any()
    assert not layer.mix_heads.bias.any()
    assert_spread(layer.conv.weight, (2 / (9 * 32)) ** 0.5)

    for content, count in ((True, 3), (False, 2)):
        local = module(LocalAttention(heads=4, content=content), 24, 48, 4)
        assert local.qkv.weight.shape[0] == count * 48
        for matrix in local.qkv.weight.split(48):
            assert_glorot(matrix)

    forms: dict[str, Any] = {"spatially_aware": 4, "pointwise": 1, "convolution": 1}
    for values, mixtures in forms.items():
        torch.manual_seed(0)
        stem: Any = AttentionStem(width=256, values=values, mixtures=mixtures).build(3)
        for matrix in stem.query_key.weight.split(256):
            assert_glorot(matrix)
        made = {"spatially_aware": "matrices.weight", "pointwise": "weight"}
        weight = stem.values.get_parameter(made.get(values, "1.weight"))
        for matrix in weight.split(256):
            assert_glorot(matrix)


def test_local_attention_starts_as_wide_as_three_layers_would() -> None:
    """Drawn as one matrix of 3 x 64 outputs, its values would start at 0.71 of this."""
    layer = module(LocalAttention(heads=4), 64, 64, 4)
    for matrix in layer.qkv.weight.split(64):
        assert_spread(matrix, 64**-0.5)


@pytest.mark.parametrize("name", ["aa_resnet34", "cbam_resnet50", "se_wide_resnet28_10@0.3"])
def test_normalisations_and_classifier(name: str) -> None:
    model = build(network(name), TASK.replace(classes=100), seed=0)
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    spatial = [part.norm for part in model.modules() if isinstance(part, BlockAttention2d)]
    assert len(spatial) == 16 * name.startswith("cbam")
    for norm in norms:
        assert not norm.bias.any()
        assert bool((norm.weight == (0 if any(norm is each for each in spatial) else 1)).all())
    assert_spread(model.classifier.linear.weight, 0.01)
    assert not model.classifier.linear.bias.any()
