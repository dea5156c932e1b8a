"""Costs of networks by tracing with fvcore, each different part of them once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from search_space.architecture import Architecture, Task
from search_space.cost import Costs, Counts, count_module
from search_space.counts import NO_COUNTS
from search_space.networks.detection.heads import build_box_head, build_class_head
from search_space.networks.detection.plan import DetectorPlan, MapShape
from search_space.networks.detection.pyramid import FeaturePyramid
from search_space.networks.ending import Classifier, Ending, build_head
from search_space.networks.network import BLOCK_FORMS
from search_space.networks.plan import BlockPlan, plan_network
from search_space.primitives import ChannelAttention, InvertedBottleneck, Stem


def total(costs: Costs) -> Counts:
    return Counts(costs.params, costs.macs, costs.activations)


def traced_parts(architecture: Architecture, task: Task) -> list[Counts]:
    """The stem, each stage, and the head and the classifier or a detector's three parts."""
    plan = plan_network(architecture, task)
    stages = [
        sum((_gated(block).times(number) for block, number in stage.runs), start=NO_COUNTS)
        for stage in plan.stages
    ]
    return [_stem(plan.stem, plan.in_channels, plan.input_hw), *stages, *_ending(plan.ending)]


@cache
def _stem(stem: Stem, in_channels: int, hw: tuple[int, int]) -> Counts:
    return _traced(lambda: stem.build(in_channels), in_channels, hw)


def _gated(plan: BlockPlan) -> Counts:
    """A block and its channel attention, each traced by itself."""
    counts = _block(plan._replace(recalibration=None))
    if plan.recalibration is None:
        return counts
    channels = plan.out_channels
    if isinstance(plan.primitive, InvertedBottleneck) and plan.channel_attention_at("branch"):
        channels = plan.primitive.expansion * plan.in_channels  # on the expanded map
    return counts + _gate(plan.recalibration, channels, plan.output_hw)


@cache
def _gate(channel_attention: ChannelAttention, channels: int, hw: tuple[int, int]) -> Counts:
    return _traced(lambda: channel_attention.build(channels), channels, hw)


@cache
def _block(plan: BlockPlan) -> Counts:
    build = BLOCK_FORMS[plan.family].build
    return _traced(lambda: build(plan), plan.in_channels, plan.input_hw)


@cache
def _ending(ending: Ending | DetectorPlan) -> list[Counts]:
    if isinstance(ending, DetectorPlan):
        maps = ending.heads.inputs
        return [
            _traced_on_maps(lambda: FeaturePyramid(ending.pyramid), ending.pyramid.inputs),
            _traced_on_maps(lambda: build_class_head(ending.heads), maps),
            _traced_on_maps(lambda: build_box_head(ending.heads), maps),
        ]
    head = _traced(lambda: build_head(ending), ending.in_channels, ending.input_hw)
    classifier = _traced(
        lambda: Classifier(ending.features, ending.classes), ending.features, ending.input_hw
    )
    return [head, classifier]


class _FromOneMap(nn.Module):
    """A module of several maps, which are cut out of one."""

    def __init__(self, module: nn.Module, shapes: tuple[MapShape, ...]) -> None:
        super().__init__()
        self.module = module
        self.shapes = shapes

    def forward(self, x: Tensor) -> Any:
        return self.module([x[:, :channels, :h, :w] for channels, h, w in self.shapes])


def _traced_on_maps(build: Callable[[], nn.Module], shapes: tuple[MapShape, ...]) -> Counts:
    channels, height, width = (max(sizes) for sizes in zip(*shapes, strict=True))
    return _traced(lambda: _FromOneMap(build(), shapes), channels, (height, width))


def _traced(build: Callable[[], nn.Module], channels: int, hw: tuple[int, int]) -> Counts:
    # Built without drawing weights, then given memory: tracing a convolution needs some.
    with torch.device("meta"):
        module = build()
    return count_module(module.to_empty(device="cpu"), (channels, *hw))
