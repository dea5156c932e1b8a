"""The pyramid and the heads, with every operator, against loops: forward and every gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from search_space.detector import Detector
from search_space.networks.detection.heads import OFFSETS, Head, build_class_head
from search_space.networks.detection.plan import MapShape, plan_heads, plan_pyramid
from search_space.networks.detection.pyramid import FeaturePyramid
from search_space.primitives import Convolution, LocalAttention, Primitive
from tests.search_space import naive_detection
from tests.search_space.comparison import assert_same, in_float64, normal, randomised

pytestmark = pytest.mark.many_cases

FEATURES: tuple[MapShape, ...] = ((3, 5, 7), (2, 3, 4))  # of levels 4 and 5
THREE_FEATURES: tuple[MapShape, ...] = ((1, 9, 5), (2, 5, 3), (3, 3, 2))
MAPS = ((3, 5), (2, 3), (1, 1))
WIDTH = 4

OPERATORS = [
    Convolution(),
    Convolution(kernel=1),
    LocalAttention(extent=3, heads=2),
    LocalAttention(extent=5, heads=2, border="zeros", scaled=False),
    LocalAttention(extent=3, heads=2, layout="across_heads"),
    LocalAttention(extent=3, heads=1, content=False),
    LocalAttention(extent=3, heads=2, position="none"),
    LocalAttention(extent=3, heads=2, position="sine"),
    LocalAttention(extent=3, heads=4, position="coordconv"),
]
operators = pytest.mark.parametrize("operator", OPERATORS, ids=lambda each: each.label)


class OnFlatMaps(nn.Module):
    """A module of several maps, from one row of numbers an image to another."""

    def __init__(self, module: nn.Module, shapes: Sequence[MapShape]) -> None:
        super().__init__()
        self.module = module
        self.shapes = shapes

    def forward(self, flat: Tensor) -> Tensor:
        return flattened(self.module(cut(flat, self.shapes)))


def cut(flat: Tensor, shapes: Sequence[MapShape]) -> list[Tensor]:
    sizes = [channels * height * width for channels, height, width in shapes]
    return [part.unflatten(1, s) for part, s in zip(flat.split(sizes, 1), shapes, strict=True)]


def flattened(out: Tensor | list[Tensor]) -> Tensor:
    parts = [out] if isinstance(out, Tensor) else out
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def check(
    module: nn.Module,
    shapes: Sequence[MapShape],
    oracle: Callable[[list[Tensor]], Any],
    without_effect: tuple[str, ...] = (),
) -> None:
    numbers = sum(channels * height * width for channels, height, width in shapes)
    assert_same(
        OnFlatMaps(module, shapes),
        lambda flat: flattened(oracle(cut(flat, shapes))),
        normal(2, numbers),
        without_effect=without_effect,
    )


def pyramid(operator: Primitive, family: Any = "resnet", **fields: Any) -> FeaturePyramid:
    detector = Detector(**{"width": WIDTH, "pyramid": operator, "first_level": 4} | fields)
    features = FEATURES if detector.first_level == 4 else THREE_FEATURES
    with in_float64():
        module = randomised(FeaturePyramid(plan_pyramid(detector, family, features)))
    assert isinstance(module, FeaturePyramid)
    return module


@operators
def test_pyramid(operator: Primitive) -> None:
    module = pyramid(operator)
    check(module, FEATURES, lambda maps: naive_detection.pyramid(module, maps))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("operator", [OPERATORS[0], OPERATORS[2]], ids=lambda each: each.label)
def test_normalised_pyramid(operator: Primitive, training: bool) -> None:
    module = pyramid(operator, normalized=True, last_level=6).train(training)
    check(module, FEATURES, lambda maps: naive_detection.pyramid(module, maps))


@pytest.mark.parametrize("training", [True, False])
def test_pyramid_behind_pre_activation_blocks(training: bool) -> None:
    module = pyramid(Convolution(), "wide_resnet", first_level=3).train(training)
    check(module, THREE_FEATURES, lambda maps: naive_detection.pyramid(module, maps))


def heads(operator: Primitive, outputs: int, **fields: Any) -> Head:
    detector = Detector(width=WIDTH, heads=operator, anchors_per_position=3, **fields)
    with in_float64():
        module = randomised(Head(plan_heads(detector, MAPS, classes=outputs), outputs, 0.0))
    assert isinstance(module, Head)
    return module


SHAPES = [(WIDTH, *hw) for hw in MAPS]


@operators
@pytest.mark.parametrize("outputs", [1, OFFSETS])
def test_head(operator: Primitive, outputs: int) -> None:
    module = heads(operator, outputs, layers=2 if outputs == 1 else 1)
    check(module, SHAPES, lambda maps: naive_detection.head(module, maps, anchors=3))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("operator", [OPERATORS[0], OPERATORS[2]], ids=lambda each: each.label)
def test_normalised_head(operator: Primitive, training: bool) -> None:
    module = heads(operator, 2, layers=2, normalized=True).train(training)
    check(module, SHAPES, lambda maps: naive_detection.head(module, maps, anchors=3))


def test_heads_share_their_weights_but_not_their_normalisations() -> None:
    plain = heads(Convolution(), 2, layers=2)
    assert len(list(plain.parameters())) == 2 * (2 + 1)
    normalised = heads(Convolution(), 2, layers=2, normalized=True)
    norms = [part for part in normalised.modules() if isinstance(part, nn.BatchNorm2d)]
    assert len(norms) == 2 * len(MAPS)


@pytest.mark.parametrize("operator", [OPERATORS[0], OPERATORS[2]], ids=lambda each: each.label)
def test_the_class_head_starts_with_its_prior(operator: Primitive) -> None:
    detector = Detector(width=64, heads=operator, anchors_per_position=3)
    torch.manual_seed(0)
    module = build_class_head(plan_heads(detector, MAPS, classes=5))
    maps = [torch.randn(2, 64, *hw) for hw in MAPS]
    chances = module(maps).sigmoid()
    torch.testing.assert_close(chances, torch.full_like(chances, 0.01), rtol=0.05, atol=0)
    for layer in module.operators:
        weight: Any = layer.weight if isinstance(layer, nn.Conv2d) else layer.qkv.weight[128:]
        assert weight.std().item() == pytest.approx(0.01, rel=0.05)
        if not isinstance(layer, nn.Conv2d):  # queries and keys start as elsewhere
            assert layer.qkv.weight[:128].std().item() > 0.05  # type: ignore[operator,union-attr,index]
