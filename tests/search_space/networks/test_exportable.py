"""Networks in standard operators compute what they do by this project's operators."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from search_space.architecture import Architecture, Task
from search_space.attention import exportable
from search_space.networks import build
from search_space.space import SearchSpace
from search_space.zoo import network
from tests.search_space.strategies import (
    BASIC,
    CLASSIFIERS_SPACE_FILES,
    MOBILE,
    WIDE,
    architectures,
    examples,
)
from tests.search_space.zoo_names import CLASSIFIER_NAMES


def is_equal(architecture: Architecture, task: Task) -> None:
    model = build(architecture, task, seed=0).double().eval()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, *task.input_shape, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        expected = model(x)
        with exportable():
            got = model(x)
    scale = expected.abs().max()
    torch.testing.assert_close(got / scale, expected / scale, rtol=0, atol=1e-9)


@pytest.mark.parametrize("space", [BASIC, MOBILE, WIDE], ids=lambda space: space.name)
def test_small_networks(space: SearchSpace) -> None:
    @examples(8)
    @given(architecture=architectures(space), pixels=st.sampled_from([8, 12, 20]))
    def check(architecture: Architecture, pixels: int) -> None:
        task = Task(dataset="made_up", input_shape=(1, pixels, pixels), classes=3)
        is_equal(architecture, task)

    check()


@pytest.mark.parametrize("file", CLASSIFIERS_SPACE_FILES, ids=lambda file: file.stem)
def test_shipped_spaces(file: Path) -> None:
    space = SearchSpace.from_yaml(file)

    @examples(1)  # more in tests/nas/workflows/exporting/test_every_network.py
    @given(architecture=architectures(space))
    def check(architecture: Architecture) -> None:
        is_equal(architecture, Task(dataset="made_up", input_shape=(3, 32, 32), classes=7))

    check()


@pytest.mark.parametrize("name", CLASSIFIER_NAMES)
def test_the_zoo(name: str) -> None:
    task = Task(dataset="made_up", input_shape=(3, 32, 32), classes=7)
    is_equal(network(f"{name}@0.25"), task)
