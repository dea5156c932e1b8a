"""Costs of whole networks: the papers' numbers, arithmetic, PyTorch's own counter."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from search_space.architecture import Architecture, Task
from search_space.cost import Counts, count_module, network_costs
from search_space.networks import build
from search_space.primitives import (
    AttentionStem,
    Convolution,
    LocalAttention,
)
from tests.search_space import closed_form
from tests.search_space.golden_costs import (
    CASES,
    GOLDEN_FILE,
    IMAGENET,
    augmented_resnet,
    costs_now,
    resnet,
)
from tests.search_space.strategies import BASIC, DIGITS, architectures, examples

CONV, LOCAL = Convolution(), LocalAttention()


# The papers' networks


def test_resnet_50() -> None:
    costs = network_costs(resnet((3, 4, 6, 3), CONV), IMAGENET)
    assert costs.params == 25_557_032
    assert costs.macs == 4_089_184_256
    assert costs.flops_paper == 2 * costs.macs
    assert round(costs.flops_paper / 1e9, 3) == 8.178
    names = ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "classifier"]
    assert [part.name for part in costs.stages] == names
    shapes = [(64, 56, 56), (256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7), (1000,)]
    assert [part.output_shape for part in costs.stages] == shapes
    assert costs.stages[0].counts == Counts(9408 + 128, 112 * 112 * 9408, 112 * 112 * 64)
    assert costs.stages[-1].counts == Counts(2_049_000, 2_048_000, 1000)


@pytest.mark.parametrize(
    ("depths", "params", "gflops"),
    [
        ((1, 2, 4, 1), 10_342_632, 4.48),
        ((2, 3, 5, 2), 14_190_632, 5.73),
        ((3, 4, 6, 3), 18_038_632, 6.97),
    ],
)
def test_local_attention_with_the_convolution_stem(
    depths: tuple[int, ...], params: int, gflops: float
) -> None:
    costs = network_costs(resnet(depths, LOCAL), IMAGENET)
    assert costs.params == params
    assert round(costs.flops_paper / 1e9, 2) == gflops


@pytest.mark.parametrize(("mixtures", "gflops"), [(4, 7.05), (8, 7.13)])
def test_full_attention(mixtures: int, gflops: float) -> None:
    costs = network_costs(
        resnet((3, 4, 6, 3), LOCAL, stem=AttentionStem(mixtures=mixtures)), IMAGENET
    )
    assert round(costs.flops_paper / 1e9, 2) == gflops


def millions(architecture: Architecture) -> float:
    with torch.device("meta"):
        network = build(architecture, IMAGENET, seed=0)
    return sum(p.numel() for p in network.parameters()) / 1e6


@pytest.mark.parametrize(
    ("attention_in", "params"),
    [
        ("1234", 18.04),
        ("234", 18.11),
        ("34", 18.50),
        ("4", 20.85),
        ("", 25.56),
        ("1", 25.48),
        ("12", 25.10),
        ("123", 22.75),
    ],
)
def test_attention_in_some_stages(attention_in: str, params: float) -> None:
    """SASA Table 3, in millions."""
    primitives = [LOCAL if stage in attention_in else CONV for stage in "1234"]
    assert round(millions(resnet((3, 4, 6, 3), *primitives)), 2) == params


@pytest.mark.parametrize(
    ("depths", "kappa", "upsilon", "fields", "params"),
    [
        ((3, 4, 6, 3), 0.2, 0.1, {}, 25.8),
        ((3, 4, 23, 3), 0.2, 0.1, {}, 45.4),
        ((3, 8, 36, 3), 0.2, 0.1, {}, 61.6),
        ((3, 4, 6, 3), 0.25, 0.25, {}, 24.3),
        ((3, 4, 6, 3), 0.5, 0.5, {}, 22.3),
        ((3, 4, 6, 3), 0.75, 0.75, {}, 20.7),
        ((3, 4, 6, 3), 1.0, 1.0, {}, 19.4),
        ((3, 4, 6, 3), 0.25, 0.25, {"block": "basic", "expansion": 1}, 20.7),
    ],
)
def test_augmented_resnets(
    depths: tuple[int, ...], kappa: float, upsilon: float, fields: dict[str, Any], params: float
) -> None:
    """AACN Tables 3 and 6, in millions: the depths' rounding and their minimum are as there.

    To 52 thousand: two come out a thousand beyond the half that would round as printed (20.751
    for 20.7, 22.351 for 22.3). Without the biases of the 1x1 convolutions all would round so.
    """
    augmented = augmented_resnet(depths, kappa, upsilon, **fields)
    assert millions(augmented) == pytest.approx(params, abs=0.052)


# Whole networks


@pytest.mark.parametrize("name", CASES)
def test_golden_networks_by_arithmetic(name: str) -> None:
    architecture, task = CASES[name]
    costs = network_costs(architecture, task)
    wanted = closed_form.network_counts(architecture, task)
    assert Counts(costs.params, costs.macs, costs.activations) == wanted


def test_golden_file() -> None:
    """Run ``python -m tests.search_space.golden_costs`` if a change here is meant."""
    golden = json.loads(GOLDEN_FILE.read_text())
    assert costs_now() == golden
    assert len({case["arch_id"] for case in golden.values()}) == len(golden) >= 12


def assert_all_counts_agree(architecture: Architecture, task: Task) -> None:
    costs = network_costs(architecture, task)
    total = Counts(costs.params, costs.macs, costs.activations)
    assert total == count_module(build(architecture, task, seed=0), task.input_shape)
    assert total == closed_form.network_counts(architecture, task)
    assert total == sum((part.counts for part in costs.stages), start=Counts(0, 0, 0))
    assert len(costs.stages) == len(architecture.stages) + 2
    for part, stage in zip(costs.stages[1:-1], architecture.stages, strict=True):
        assert part.label == stage.label


@examples(25)
@given(
    architecture=architectures(DIGITS),
    shape=st.sampled_from([(1, 8, 8), (1, 8, 8), (3, 6, 10), (2, 12, 4), (3, 16, 16)]),
    classes=st.integers(2, 20),
)
def test_random_digits_architectures(
    architecture: Architecture, shape: tuple[int, int, int], classes: int
) -> None:
    assert_all_counts_agree(architecture, Task(input_shape=shape, classes=classes))


@examples(25)
@given(
    architecture=architectures(BASIC),
    shape=st.sampled_from([(1, 8, 8), (3, 6, 10), (2, 12, 4)]),
)
def test_random_architectures_of_basic_blocks(
    architecture: Architecture, shape: tuple[int, int, int]
) -> None:
    assert_all_counts_agree(architecture, Task(input_shape=shape, classes=10))


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 17, 23)])
def test_convolutional_networks_by_pytorchs_own_counter(
    block: str, shape: tuple[int, int, int]
) -> None:
    expansion = 1 if block == "basic" else 4
    architecture = resnet(
        (2, 1, 1),
        CONV,
        Convolution(kernel=5),
        CONV,
        widths=(16, 24, 40),
        block=block,
        expansion=expansion,
    )
    task = Task(input_shape=shape, classes=10)
    network = build(architecture, task, seed=0).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, *shape))
    assert counter.get_total_flops() == network_costs(architecture, task).flops_paper


@examples(15)
@given(architecture=architectures(DIGITS))
def test_costs_leave_the_random_generator_alone(architecture: Architecture) -> None:
    before = torch.get_rng_state()
    network_costs(architecture, Task(input_shape=(1, 10, 8), classes=3))
    assert torch.equal(torch.get_rng_state(), before)


def test_images_that_the_network_cannot_take() -> None:
    architecture = resnet((1,), CONV, stem=AttentionStem(), widths=(64,))
    with pytest.raises(ValueError, match="block=4, image 10x8"):
        network_costs(architecture, Task(input_shape=(3, 10, 8), classes=10))
