"""Architectures made narrower as a whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from search_space.architecture import Architecture, Stage, Task
from search_space.cost import network_costs
from search_space.networks import build
from search_space.primitives import (
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    LocalAttention,
)
from search_space.scaling import at_width
from search_space.space import SearchSpace
from search_space.zoo import ZOO, network
from tests.search_space.small_detectors import LOCAL, small_detector
from tests.search_space.strategies import SPACE_FILES

SPACES = [SearchSpace.from_yaml(file) for file in SPACE_FILES]


@given(st.sampled_from(SPACES), st.integers(0, 2**32 - 1), st.sampled_from([2, 3]))
def test_wider_is_never_refused_and_keeps_the_shape(
    space: SearchSpace, seed: int, factor: int
) -> None:
    """A whole factor keeps every head's share, and its inverse gives the architecture back."""
    narrow = space.sample(np.random.default_rng(seed))
    wide = at_width(narrow, factor)
    assert wide.stem.width == factor * narrow.stem.width
    assert [s.width for s in wide.stages] == [factor * s.width for s in narrow.stages]
    assert [len(s.blocks) for s in wide.stages] == [len(s.blocks) for s in narrow.stages]
    assert wide.primitive_types() == narrow.primitive_types()
    if narrow.detector is not None:
        assert wide.detector == narrow.detector.replace(width=factor * narrow.detector.width)
    assert at_width(wide, 1 / factor) == narrow
    assert at_width(narrow, 1) is narrow


@pytest.mark.parametrize("name", ["resnet50", "se_resnet50", "sasa_resnet26", "wide_resnet28_10"])
def test_named_networks_at_half_the_width_are_the_zoos(name: str) -> None:
    """Their widths are such that multiples of 8 are the nearest whole numbers."""
    assert name in ZOO
    assert at_width(network(name), 0.5) == network(f"{name}@0.5")


def test_attention_keeps_its_share_of_the_channels() -> None:
    ratios = AugmentedConvolutionRatios(
        kappa=0.5, upsilon=0.25, heads=4, min_key_depth_per_head=1, kernel=3
    )
    architecture = Architecture(
        block="basic",
        stem=ConvolutionStem(width=16),
        stages=(Stage(width=32, stride=1, blocks=(ratios.resolve(32, 16),)),),
    )
    assert str(architecture).endswith("aa(dk=16,dv=8,h=4) x1 w32]")
    assert str(at_width(architecture, 0.5)).endswith("w8 | aa(dk=8,dv=4,h=4) x1 w16]")
    # 1.25 dimensions a head are one, and never none
    assert str(at_width(architecture, 0.3)).endswith("w5 | aa(dk=4,dv=4,h=4) x1 w10]")
    task = Task(input_shape=(3, 32, 32), classes=10)
    narrow = at_width(architecture, 0.3)
    model = build(narrow, task, seed=0)
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert sum(p.numel() for p in model.parameters()) == network_costs(narrow, task).params


@pytest.mark.parametrize(
    ("stem", "blocks", "factor", "said"),
    [
        (8, [LocalAttention(heads=4)], 0.75, "stage 1 of width 6, block 0: heads must divide"),
        (8, [Convolution(), LocalAttention(heads=4)], 0.5, "block 1: relative positions need"),
        (8, [LocalAttention(heads=8, position="none")], 0.5, "channels=4, heads=8"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(
    stem: int, blocks: list[Convolution | LocalAttention], factor: float, said: str
) -> None:
    architecture = Architecture(
        block="basic",
        stem=ConvolutionStem(width=stem),
        stages=(Stage(width=8, stride=1, blocks=tuple(blocks)),),
    )
    with pytest.raises(ValueError, match=said):
        at_width(architecture, factor)


def test_a_detector_that_does_not_fit_is_said() -> None:
    attends = small_detector(LOCAL)
    with pytest.raises(
        ValueError, match="detector of width 3: heads must divide the output channels"
    ):
        at_width(attends, 0.4)
