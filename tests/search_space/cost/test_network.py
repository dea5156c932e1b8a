"""Costs of whole networks: closed forms against tracing, recorded numbers, PyTorch's counter."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from search_space.architecture import Architecture, Task
from search_space.cost import Counts, count_module, network_costs
from search_space.networks import build
from search_space.primitives import AttentionStem, Convolution
from search_space.space import SearchSpace
from search_space.zoo import IMAGENET, ZOO, network
from tests.search_space.golden_costs import CASES, GOLDEN_FILE, costs_now, resnet
from tests.search_space.strategies import (
    EVERY_KIND,
    SPACE_FILES,
    architectures,
    examples,
    fitting,
)
from tests.search_space.traced import total, traced_parts
from tests.search_space.zoo_names import ZOO_NAMES

pytestmark = pytest.mark.many_cases

CONV = Convolution()


def test_resnet_50() -> None:
    costs = network_costs(network("resnet50"), IMAGENET)
    assert costs.params == 25_557_032
    assert costs.macs == 4_089_184_256
    assert costs.flops_paper == 2 * costs.macs
    assert round(costs.flops_paper / 1e9, 3) == 8.178
    names = ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "classifier"]
    assert [part.name for part in costs.parts] == names
    shapes = [(64, 56, 56), (256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7), (1000,)]
    assert [part.output_shape for part in costs.parts] == shapes
    assert costs.parts[0].counts == Counts(9408 + 128, 112 * 112 * 9408, 112 * 112 * 64)
    assert costs.parts[-1].counts == Counts(2_049_000, 2_048_000, 1000)


def test_golden_file() -> None:
    """Run ``python -m tests.search_space.golden_costs`` if a change here is intended."""
    golden = json.loads(GOLDEN_FILE.read_text())
    assert costs_now() == golden
    assert set(ZOO) <= set(golden)


def assert_parts_are_traced(architecture: Architecture, task: Task) -> None:
    costs = network_costs(architecture, task)
    traced = traced_parts(architecture, task)
    if architecture.detector is None and costs.parts[-2].name != "head":
        assert traced.pop(-2) == Counts(0, 0, 0)
    assert [part.counts for part in costs.parts] == traced
    assert total(costs) == sum(traced, start=Counts(0, 0, 0))


@pytest.mark.parametrize("name", ZOO_NAMES)
def test_closed_forms_of_the_zoo_are_what_is_traced(name: str) -> None:
    assert_parts_are_traced(ZOO[name].at_width(1.0), ZOO[name].task)


@pytest.mark.parametrize("number", [4, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("path", SPACE_FILES, ids=lambda path: path.stem)
def test_closed_forms_of_random_architectures_are_what_is_traced(path, number: int) -> None:
    """Sample every shipped space on images of 32 x 32, and a few on 64 x 36."""
    space = SearchSpace.from_yaml(path)
    rng = np.random.default_rng(0)
    for shape, count in (((3, 32, 32), number), ((1, 64, 36), number // 4)):
        task = Task(input_shape=fitting(shape, space), classes=10)
        for _ in range(count):
            assert_parts_are_traced(space.sample(rng), task)


@pytest.mark.parametrize("space", EVERY_KIND, ids=lambda space: space.name)
def test_whole_networks_are_the_sum_of_their_parts(space: SearchSpace) -> None:
    @examples(8)
    @given(
        architecture=architectures(space),
        shape=st.sampled_from([(1, 8, 8), (3, 6, 10), (2, 12, 4), (3, 16, 16)]),
        classes=st.integers(2, 20),
    )
    def check(architecture: Architecture, shape: tuple[int, int, int], classes: int) -> None:
        task = Task(input_shape=shape, classes=classes)
        whole = count_module(build(architecture, task, seed=0), shape)
        assert whole == total(network_costs(architecture, task))

    check()


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 17, 23)])
def test_convolutional_networks_by_pytorchs_own_counter(
    block: str, shape: tuple[int, int, int]
) -> None:
    architecture = resnet(
        (2, 1, 1), CONV, Convolution(kernel=5), CONV, widths=(16, 24, 40), block=block
    )
    task = Task(input_shape=shape, classes=10)
    model = build(architecture, task, seed=0).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, *shape))
    assert counter.get_total_flops() == network_costs(architecture, task).flops_paper


def test_images_that_the_network_cannot_take() -> None:
    architecture = resnet((1,), CONV, stem=AttentionStem(), widths=(64,))
    with pytest.raises(ValueError, match="block=4, image 10x8"):
        network_costs(architecture, Task(input_shape=(3, 10, 8), classes=10))


def test_every_recorded_network_has_an_arch_id_of_its_own() -> None:
    assert len({architecture.arch_id for architecture, _ in CASES.values()}) == len(CASES)
