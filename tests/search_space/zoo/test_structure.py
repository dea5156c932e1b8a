"""Structure of the papers' networks: attention and its maps, channel attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import pytest
import torch
from torch import nn

from search_space.layers.augmented_convolution import AugmentedConvolution2d
from search_space.layers.channel_attention.block_attention import BlockAttention2d
from search_space.layers.channel_attention.bottleneck_attention import BottleneckAttention2d
from search_space.layers.channel_attention.gather_excite import GatherExcite2d
from search_space.layers.channel_attention.global_local_attention import GlobalLocalAttention2d
from search_space.layers.channel_attention.squeeze_excitation import SqueezeExcitation2d
from search_space.layers.inverted_bottleneck import InvertedBottleneck2d
from search_space.layers.local_attention import LocalAttention2d
from search_space.networks import Network, build
from search_space.zoo import named_network

Module = TypeVar("Module", bound=nn.Module)


def on_meta(name: str) -> Network:
    """The network for its own task, without memory for its weights."""
    named = named_network(name)
    with torch.device("meta"):
        return build(named.at_width(1.0), named.task, seed=0)


def blocks_of(model: Network) -> Iterator[tuple[int, int, nn.Module]]:
    """(number of the stage, number of the block, block), both from 1."""
    for number, stage in enumerate(model.stages, start=1):
        assert isinstance(stage, nn.Sequential)
        yield from ((number, index, block) for index, block in enumerate(stage, start=1))


def parts(model: nn.Module, kind: type[Module]) -> list[Module]:
    return [part for part in model.modules() if isinstance(part, kind)]


# Attention


def test_all_channels_by_attention_leave_no_spatial_convolution() -> None:
    model = on_meta("aa_resnet50_k100")
    layers = parts(model, AugmentedConvolution2d)
    assert len(layers) == 4 + 6 + 3
    for layer in layers:
        assert layer.conv is None
        assert {conv.kernel_size for conv in parts(layer, nn.Conv2d)} == {(1, 1)}
    # Nor is there any in the stages that attend.
    assert {conv.kernel_size for conv in parts(model.stages[1:], nn.Conv2d)} == {(1, 1)}
    some = parts(on_meta("aa_resnet50_k075"), AugmentedConvolution2d)
    assert all(layer.conv is not None and layer.conv.kernel_size == (3, 3) for layer in some)


@pytest.mark.parametrize("depth", [34, 50, 101, 152])
def test_maps_that_augmented_resnets_attend_on(depth: int) -> None:
    maps_by_stage: dict[int, set[tuple[tuple[int, int], bool]]] = {}
    for number, _, block in blocks_of(on_meta(f"aa_resnet{depth}")):
        layers = parts(block, AugmentedConvolution2d)
        assert len(layers) == (number > 1)
        for layer in layers:
            maps_by_stage.setdefault(number, set()).add((layer.attention_hw, layer.downsample))
    assert maps_by_stage == {2: {((14, 14), True)}, 3: {((14, 14), False)}, 4: {((7, 7), False)}}


@pytest.mark.parametrize("multiplier", ["075", "100", "125", "140"])
def test_maps_that_augmented_mnasnets_attend_on(multiplier: str) -> None:
    """The expansion precedes the stride, so a stage's first block attends on the map before it."""
    heights: dict[int, list[int]] = {}
    for number, _, block in blocks_of(on_meta(f"aa_mnasnet_{multiplier}")):
        for layer in parts(block, AugmentedConvolution2d):
            height, width = layer.attention_hw
            assert height == width
            assert layer.downsample == (number == 3)
            assert layer.conv is not None
            assert layer.conv.kernel_size == (1, 1)
            heights.setdefault(number, []).append(height)
    maps = {3: [28, 14, 14], 4: [28, 14, 14, 14], 5: [14, 14], 6: [14, 7, 7], 7: [7]}
    assert heights == maps
    assert sum(len(sides) for sides in heights.values()) == 13


def test_augmented_wide_resnet_attends_in_every_block_on_whole_maps() -> None:
    layers = []
    for _, _, block in blocks_of(on_meta("aa_wide_resnet28_10")):
        (layer,) = parts(block, AugmentedConvolution2d)
        assert block.branch[0] is layer
        layers.append((layer.attention_hw, layer.key_depth, layer.value_depth))
    depths = {32: (160, 16), 16: (160, 32), 8: (160, 64)}  # at least 20 keys for each of 8 heads
    assert layers == [((side, side), *depths[side]) for side in (32, 16, 8) for _ in range(4)]


def test_stand_alone_attention_leaves_no_spatial_convolution() -> None:
    model = on_meta("sasa_resnet50")
    assert {conv.kernel_size for conv in parts(model, nn.Conv2d)} == {(1, 1)}
    assert len(parts(model, LocalAttention2d)) == 3 + 4 + 6 + 3


@pytest.mark.parametrize("groups", ["234", "34", "4", "1", "12", "123"])
def test_groups_that_attend(groups: str) -> None:
    for number, _, block in blocks_of(on_meta(f"sasa_resnet50_groups_{groups}")):
        attends = str(number) in groups
        assert len(parts(block, LocalAttention2d)) == attends
        spatial = [conv for conv in parts(block, nn.Conv2d) if conv.kernel_size != (1, 1)]
        assert len(spatial) == (not attends)


# Channel attention


@pytest.mark.parametrize(
    ("name", "kind", "layers_before"),
    [
        ("se_resnet34", SqueezeExcitation2d, 5),
        ("se_resnet50", SqueezeExcitation2d, 8),
        ("se_resnet101", SqueezeExcitation2d, 8),
        ("se_resnet152", SqueezeExcitation2d, 8),
        ("cbam_resnet50", BlockAttention2d, 8),
        ("gala_resnet50", GlobalLocalAttention2d, 8),
        ("se_wide_resnet28_10", SqueezeExcitation2d, 4),
        ("ge_wide_resnet28_10", GatherExcite2d, 4),
    ],
)
def test_every_branch_ends_in_a_gate(name: str, kind: type[nn.Module], layers_before: int) -> None:
    model = on_meta(name)
    blocks = [block for *_, block in blocks_of(model)]
    for block in blocks:
        assert len(block.branch) == layers_before + 1
        assert isinstance(block.branch[-1], kind)
    assert len(parts(model, kind)) == len(blocks)


def test_bam_stands_after_all_stages_but_the_last() -> None:
    model = on_meta("bam_resnet50")
    placed = [
        (number, index)
        for number, index, block in blocks_of(model)
        if isinstance(block.recalibration, BottleneckAttention2d)
    ]
    assert placed == [(1, 3), (2, 4), (3, 6)]
    assert len(parts(model, BottleneckAttention2d)) == 3
    assert all(len(block.branch) == 8 for *_, block in blocks_of(model))


@pytest.mark.parametrize("name", ["mnasnet_100", "aa_mnasnet_100"])
def test_mnasnets_gates_are_on_the_hidden_map(name: str) -> None:
    """A gate's hidden layer has a quarter of the block's input channels (MnasNet, Figure 7)."""
    widths: dict[int, list[tuple[int, int]]] = {}
    model = on_meta(name)
    for number, _, block in blocks_of(model):
        assert isinstance(block.branch, InvertedBottleneck2d)
        gate = block.branch.recalibration
        if isinstance(gate, SqueezeExcitation2d):
            first = gate.perceptron[0]
            widths.setdefault(number, []).append((first.in_features, first.out_features))
    assert widths == {
        3: [(72, 6), (120, 10), (120, 10)],
        5: [(480, 20), (672, 28)],
        6: [(672, 28), (960, 40), (960, 40)],
    }
    assert len(parts(model, SqueezeExcitation2d)) == 8
