"""The plain convolutional network of equal size, with which an architecture is compared."""

from __future__ import annotations

from collections.abc import Sequence

from search_space.architecture import Architecture, Stage, Task
from search_space.cost import network_costs
from search_space.counts import strided
from search_space.families import FAMILIES, FamilyName
from search_space.primitives import (
    Convolution,
    ConvolutionStem,
    Identity,
    InvertedBottleneck,
    Primitive,
)
from search_space.scaling import detector_at

BISECTION_STEPS = 20
POOLED_REDUCTION = 4  # the least reduction of the image with which a stem pools, as ResNet's does


def plain_convolutional(architecture: Architecture, task: Task) -> Architecture:
    """Return ``architecture`` with convolutions alone and as nearly as many parameters as possible.

    Channel attention is left out, and primitives become 3x3 convolutions. In an MnasNet, inverted
    bottlenecks lose their attention, identities stay, and other primitives become inverted
    bottlenecks of kernel 3 and expansion 6. Any other stem becomes a convolution stem, with
    pooling where the image is reduced by 4, 6, 8, ... A detector's pyramid and heads become 3x3
    convolutions too. Depths, strides, the head, anchors and each stage's map stay. All widths are
    scaled together until the parameters are nearest; then single widths change by one channel as
    long as that brings them nearer.

    Raises:
        ValueError: ``architecture`` cannot take the task's images, or has a stem of the user's own
            whose map size no convolution stem has for such an image.
    """
    target = network_costs(architecture, task).params
    stem = convolution_stem(architecture, task)
    detector = architecture.detector
    widths = [stem.width, *(stage.width for stage in architecture.stages)]
    widths += [detector.width] if detector else []

    def with_widths(new_widths: Sequence[int]) -> Architecture:
        stages = tuple(
            _plain_stage(stage, width, architecture.family)
            for stage, width in zip(architecture.stages, new_widths[1:], strict=False)
        )
        plain = stem.replace(width=new_widths[0])
        behind = detector and detector_at(detector, new_widths[-1], Convolution(), Convolution())
        return architecture.replace(stem=plain, stages=stages, detector=behind)

    def distance(new_widths: Sequence[int]) -> int:
        return abs(network_costs(with_widths(new_widths), task).params - target)

    def scaled(factor: float) -> list[int]:
        return [max(1, round(factor * width)) for width in widths]

    low, high = 0.0, 1.0
    while network_costs(with_widths(scaled(high)), task).params < target:
        low, high = high, 2 * high
    tried = [scaled(high)]
    for _ in range(BISECTION_STEPS):
        middle = (low + high) / 2
        tried.append(scaled(middle))
        if network_costs(with_widths(tried[-1]), task).params < target:
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
            return with_widths(best)
        best = nearest


def _plain_stage(stage: Stage, width: int, family: FamilyName) -> Stage:
    blocks = tuple(_plain(primitive, family) for primitive in stage.blocks)
    return Stage(width=width, stride=stage.stride, blocks=blocks)


def _plain(primitive: Primitive, family: FamilyName) -> Primitive:
    # Decided by the network's family: a primitive may stand in several.
    if family != "mnasnet":
        return Convolution()
    if isinstance(primitive, InvertedBottleneck):
        return primitive.replace(augmentation=None)
    if isinstance(primitive, Identity):
        return primitive
    return InvertedBottleneck(kernel=3, expansion=6)


def convolution_stem(architecture: Architecture, task: Task) -> ConvolutionStem:
    """Return a convolution stem with the map size of the architecture's own stem, and its width.

    Raises:
        ValueError: no convolution stem has that map size for such an image.
    """
    stem, image_hw = architecture.stem, task.input_shape[1:]
    if isinstance(stem, ConvolutionStem):
        return stem
    hw = stem.output_hw(image_hw)
    for reduction in range(1, max(image_hw) + 1):
        if strided(image_hw, reduction) == hw:
            break
    else:
        raise ValueError(
            f"no convolution stem makes a {hw[0]}x{hw[1]} map of a {image_hw[0]}x{image_hw[1]} "
            f"image, as {stem.label} does"
        )
    pool = reduction >= POOLED_REDUCTION and reduction % 2 == 0
    stride = reduction // 2 if pool else reduction
    kernel = max(7 if pool else 3, stride | 1)  # odd, and no pixel lies between two kernels
    activated = not FAMILIES[architecture.family].pre_activation
    return ConvolutionStem(
        width=stem.width, kernel=kernel, stride=stride, pool=pool, activated=activated
    )
