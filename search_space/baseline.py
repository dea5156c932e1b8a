"""The plain convolutional network of equal size: what a found architecture is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from search_space.architecture import Architecture, Stage, Task
from search_space.cost import network_costs
from search_space.primitives import (
    Convolution,
    ConvolutionStem,
    InvertedBottleneck,
    Primitive,
    Stem,
)

BISECTION_STEPS = 20


def plain_convolutional(architecture: Architecture, task: Task) -> Architecture:
    """``architecture`` of convolutions alone, without recalibration, of as many parameters.

    Primitives become 3x3 convolutions; inverted bottlenecks lose their attention. Depths, strides
    and the map each stage works on stay. All widths are scaled together until the parameters are
    nearest, then single widths by one channel while that brings them nearer.
    """
    target = network_costs(architecture, task).params
    stem = _convolution_stem(architecture.stem, task)
    widths = [stem.width, *(stage.width for stage in architecture.stages)]

    def at(new_widths: Sequence[int]) -> Architecture:
        stages = tuple(
            _plain_stage(stage, width)
            for stage, width in zip(architecture.stages, new_widths[1:], strict=True)
        )
        return architecture.replace(stem=stem.replace(width=new_widths[0]), stages=stages)

    def distance(new_widths: Sequence[int]) -> int:
        return abs(network_costs(at(new_widths), task).params - target)

    low, high = 0.0, 16.0
    tried = []
    for _ in range(BISECTION_STEPS):
        middle = (low + high) / 2
        scaled = [max(1, round(middle * width)) for width in widths]
        tried.append(scaled)
        if network_costs(at(scaled), task).params < target:
            low = middle
        else:
            high = middle
    best = min(tried, key=distance)
    while True:
        nearby = [
            [*best[:index], best[index] + step, *best[index + 1 :]]
            for index in range(len(best))
            for step in (-1, 1)
            if best[index] + step >= 1
        ]
        nearest = min(nearby, key=distance)
        if distance(nearest) >= distance(best):
            return at(best)
        best = nearest


def _plain_stage(stage: Stage, width: int) -> Stage:
    blocks = tuple(_plain(primitive) for primitive in stage.blocks)
    return Stage(width=width, stride=stage.stride, blocks=blocks)


def _plain(primitive: Primitive) -> Primitive:
    if "mnasnet" not in primitive.families:
        return Convolution()
    if isinstance(primitive, InvertedBottleneck):
        return primitive.replace(augmentation=None)
    return primitive


def _convolution_stem(stem: Stem, task: Task) -> ConvolutionStem:
    """A convolution stem that reduces the image as ``stem`` does."""
    if isinstance(stem, ConvolutionStem):
        return stem
    height = task.input_shape[1]
    reduction = round(height / stem.output_hw((height, task.input_shape[2]))[0])
    if reduction >= 4:
        return ConvolutionStem(width=stem.width, kernel=7, stride=reduction // 2, pool=True)
    return ConvolutionStem(width=stem.width, kernel=3, stride=reduction, pool=False)
