"""The plain convolutional network of equal size, in every family."""

from __future__ import annotations

from typing import Any

import pytest

from search_space.architecture import Architecture, Stage, Task
from search_space.baseline import plain_convolutional
from search_space.cost import network_costs
from search_space.networks.plan import plan_network
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    Convolution,
    ConvolutionStem,
    Identity,
    InvertedBottleneck,
    LocalAttention,
    Stem,
)
from search_space.primitives.channel_attention import GatherExcite, SqueezeExcitation
from search_space.zoo import network
from tests.search_space.own_primitive import Anywhere, Patches, Separable, SpatialGate
from tests.search_space.small_detectors import CONV, LOCAL, small_detector

TASK = Task(input_shape=(3, 24, 36), classes=10)
STEM = ConvolutionStem(width=8, kernel=5, stride=2, pool=True)
AUGMENTED = AugmentedConvolution(
    kernel=3, key_depth=8, value_depth=4, heads=2, position="none", downsample=False
)
EXPANDING = AUGMENTED.replace(kernel=1)
ATTENTION = LocalAttention(extent=3, heads=2)


def residual(family: str = "resnet", stem: Stem = STEM, **settings: Any) -> Architecture:
    return Architecture(
        family=family,
        stem=stem,
        stages=(
            Stage(
                width=8,
                stride=1,
                blocks=(ATTENTION, Anywhere(), Convolution(kernel=5)),
                recalibration=(SqueezeExcitation(squeeze=2), None, SpatialGate()),
            ),
            Stage(width=12, stride=2, blocks=(AUGMENTED, Separable())),
        ),
        **settings,
    )


def mobile(stem: Stem = STEM, **settings: Any) -> Architecture:
    plain = InvertedBottleneck(kernel=5, expansion=3)
    return Architecture(
        family="mnasnet",
        stem=stem,
        stages=(
            Stage(
                width=8,
                stride=2,
                blocks=(plain, plain.replace(augmentation=EXPANDING), Identity()),
                recalibration=(None, GatherExcite(), None),
            ),
            Stage(width=12, stride=1, blocks=(Anywhere(), plain)),
        ),
        **settings,
    )


def blocks(architecture: Architecture) -> list[tuple[Any, ...]]:
    return [stage.blocks for stage in architecture.stages]


def maps(architecture: Architecture, task: Task = TASK) -> list[tuple[int, int]]:
    """Return the output maps of the stem and of each stage."""
    plan = plan_network(architecture, task)
    return [plan.stem.output_hw(plan.input_hw)] + [stage.last.output_hw for stage in plan.stages]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"block": "basic", "shortcut": "padding", "head": 20},
        {"expansion": 2},
        {"family": "wide_resnet"},
    ],
)
def test_every_operator_of_a_resnet_becomes_a_convolution(settings: dict[str, Any]) -> None:
    architecture = residual(**settings)
    plain = plain_convolutional(architecture, TASK)
    assert blocks(plain) == [(Convolution(),) * 3, (Convolution(),) * 2]
    for name in ("family", "block", "expansion", "shortcut", "head"):
        assert getattr(plain, name) == getattr(architecture, name)


def test_inverted_bottlenecks_stay_and_lose_their_attention() -> None:
    architecture = mobile(head=24)
    plain = plain_convolutional(architecture, TASK)
    kept = InvertedBottleneck(kernel=5, expansion=3)
    assert blocks(plain) == [
        (kept, kept, Identity()),
        (InvertedBottleneck(kernel=3, expansion=6), kept),
    ]
    assert (plain.family, plain.head) == ("mnasnet", 24)


@pytest.mark.parametrize("architecture", [residual(), residual("wide_resnet"), mobile()], ids=str)
def test_maps_stay_and_channel_attention_goes(architecture: Architecture) -> None:
    plain = plain_convolutional(architecture, TASK)
    assert maps(plain) == maps(architecture)
    assert [stage.recalibration for stage in plain.stages] == [(), ()]
    assert plain.stem == architecture.stem.replace(width=plain.stem.width)


@pytest.mark.parametrize(
    "architecture",
    [residual(), residual("wide_resnet"), mobile(), mobile(head=64), network("sasa_resnet26")],
    ids=str,
)
def test_parameters_are_nearest(architecture: Architecture) -> None:
    target = network_costs(architecture, TASK).params

    def distance(architecture: Architecture) -> int:
        return abs(network_costs(architecture, TASK).params - target)

    plain = plain_convolutional(architecture, TASK)
    assert distance(plain) <= 0.03 * target
    for step in (-1, 1):
        wider = plain.stem.replace(width=plain.stem.width + step)
        assert distance(plain.replace(stem=wider)) >= distance(plain)
        for index, stage in enumerate(plain.stages):
            changed = list(plain.stages)
            changed[index] = stage.replace(width=stage.width + step)
            assert distance(plain.replace(stages=tuple(changed))) >= distance(plain)


def test_there_is_no_limit_to_how_much_wider_it_becomes() -> None:
    heavy = Stage(width=2, stride=1, blocks=(Separable(kernel=151),))
    architecture = Architecture(block="basic", stem=STEM.replace(width=2), stages=(heavy,))
    plain = plain_convolutional(architecture, TASK)
    target = network_costs(architecture, TASK).params
    assert plain.stages[0].width > 16 * 2
    assert abs(network_costs(plain, TASK).params - target) <= 0.01 * target


@pytest.mark.parametrize(
    ("block", "image_hw", "kernel", "stride", "pool"),
    [
        (2, (24, 36), 3, 2, False),
        (3, (24, 36), 3, 3, False),
        (4, (24, 36), 7, 2, True),
        (5, (10, 15), 5, 5, False),
        (6, (24, 36), 7, 3, True),
        (7, (7, 7), 7, 7, False),
        (20, (20, 40), 11, 10, True),
    ],
)
def test_an_attention_stem_becomes_a_convolution_of_its_map(
    block: int, image_hw: tuple[int, int], kernel: int, stride: int, pool: bool
) -> None:
    task = TASK.replace(input_shape=(3, *image_hw))
    architecture = residual(stem=AttentionStem(width=8, block=block))
    plain = plain_convolutional(architecture, task)
    assert maps(plain, task) == maps(architecture, task)
    expected = ConvolutionStem(width=plain.stem.width, kernel=kernel, stride=stride, pool=pool)
    assert plain.stem == expected


def test_an_own_stem_becomes_a_convolution_of_its_map_or_an_error() -> None:
    architecture = residual(stem=Patches(width=8, patch=3))
    assert isinstance(plain_convolutional(architecture, TASK).stem, ConvolutionStem)
    assert maps(plain_convolutional(architecture, TASK)) == maps(architecture)
    odd = TASK.replace(input_shape=(3, 25, 36))  # which the patches round down
    with pytest.raises(ValueError, match="makes a 8x12 map of a 25x36 image, as patches3 w8 does"):
        plain_convolutional(architecture, odd)


def test_the_stem_of_a_wide_resnet_leaves_activation_to_the_blocks() -> None:
    plain = plain_convolutional(residual("wide_resnet", AttentionStem(width=8)), TASK)
    assert isinstance(plain.stem, ConvolutionStem)
    assert not plain.stem.activated


def test_a_plain_network_is_its_own() -> None:
    plain = residual().replace(
        stages=(Stage(width=8, stride=2, blocks=(Convolution(), Convolution())),)
    )
    assert plain_convolutional(plain, TASK) == plain


def test_the_plain_network_of_a_detector_is_a_convolutional_detector() -> None:
    task = Task(input_shape=(3, 128, 128), classes=4)
    architecture = small_detector(LOCAL, normalized=True)
    plain = plain_convolutional(architecture, task)
    assert plain.detector is not None
    assert (plain.detector.pyramid, plain.detector.heads) == (CONV, CONV)
    fields = {"width": 8, "pyramid": LOCAL, "heads": LOCAL}
    assert plain.detector.replace(**fields) == architecture.detector
    target = network_costs(architecture, task).params
    assert abs(network_costs(plain, task).params - target) <= 0.02 * target
