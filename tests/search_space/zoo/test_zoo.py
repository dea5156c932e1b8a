"""The papers' networks by name: their parameters as built, a training step of each, widths."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from search_space.architecture import Architecture, Task
from search_space.networks import build
from search_space.networks.detection.retinanet import Predictions
from search_space.primitives import LocalAttention
from search_space.primitives.augmented_convolution import (
    AugmentedConvolution,
)
from search_space.primitives.inverted_bottleneck import InvertedBottleneck
from search_space.zoo import IMAGENET, ZOO, named_network, network
from search_space.zoo.named import CIFAR_10, CIFAR_100, COCO
from search_space.zoo.plain import cifar_resnet
from tests.search_space.comparison import generator
from tests.search_space.golden_costs import GOLDEN_FILE
from tests.search_space.zoo_names import ZOO_NAMES

pytestmark = pytest.mark.many_cases

GOLDEN = json.loads(GOLDEN_FILE.read_text())
BATCH = 2


def assert_a_step_is_finite(architecture: Architecture, task: Task) -> None:
    model = build(architecture, task, seed=0)
    images = torch.randn(BATCH, *task.input_shape, generator=generator())
    out: Tensor | Predictions = model(images)
    if isinstance(out, Tensor):
        assert out.shape == (BATCH, task.classes)
        assert out.isfinite().all()
        nn.functional.cross_entropy(out, torch.arange(BATCH)).backward()
    else:
        assert out.logits.shape[::2] == (BATCH, task.classes)
        assert all(each.isfinite().all() for each in out)
        (out.logits.square().mean() + out.offsets.square().mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("name", ZOO)
def test_parameters_as_built(name: str) -> None:
    named = ZOO[name]
    with torch.device("meta"):  # no memory for the weights
        model = build(named.at_width(1.0), named.task, seed=0)
    assert sum(parameter.numel() for parameter in model.parameters()) == GOLDEN[name]["params"]
    assert list(named.task.input_shape) == GOLDEN[name]["input_shape"]


@pytest.mark.parametrize("name", ZOO_NAMES)
def test_a_training_step(name: str) -> None:
    task = ZOO[name].task
    if task == IMAGENET:
        task = task.replace(input_shape=(3, 64, 64))
    elif task == COCO:
        task = task.replace(input_shape=(3, 128, 128), classes=3)
    assert_a_step_is_finite(network(name), task)


# Names and widths


def widths(architecture: Architecture) -> list[int]:
    detector = [architecture.detector.width] if architecture.detector else []
    return [architecture.stem.width, *(stage.width for stage in architecture.stages), *detector]


@pytest.mark.parametrize("name", [name for name in ZOO if "mnasnet" not in name])
def test_half_the_width(name: str) -> None:
    named = named_network(f"{name}@0.5")
    whole, half = network(name), named.at_width(1.0)
    assert [2 * width for width in widths(half)] == widths(whole)
    assert named.task == ZOO[name].task
    assert [len(stage.blocks) for stage in half.stages] == [len(s.blocks) for s in whole.stages]
    assert_heads_divide(half)


@pytest.mark.parametrize("name", [name for name in ZOO if "mnasnet" in name])
@pytest.mark.parametrize("factor", [0.5, 1.3])
def test_widths_of_mnasnets_are_multiples_of_eight(name: str, factor: float) -> None:
    scaled = network(f"{name}@{factor}")
    multiplier = int(name[-3:]) / 100 * factor
    wanted = [multiplier * width for width in (32, 16, 24, 40, 80, 112, 160, 320)]
    for got, width in zip(widths(scaled), wanted, strict=True):
        assert got % 8 == 0
        assert 0.9 * width <= got <= max(8, width + 8)
    assert scaled.head == 1280
    assert_heads_divide(scaled)


def assert_heads_divide(architecture: Architecture) -> None:
    for stage in architecture.stages:
        for primitive in stage.blocks:
            spec: Any = primitive
            if isinstance(spec, InvertedBottleneck):
                spec = spec.augmentation
            if isinstance(spec, AugmentedConvolution):
                assert spec.key_depth % spec.heads == spec.value_depth % spec.heads == 0
            elif isinstance(spec, LocalAttention):
                assert stage.width % spec.heads == 0


def test_a_factor_of_one_is_no_factor() -> None:
    for name in ("resnet50", "aa_mnasnet_075", "aa_wide_resnet28_10"):
        assert network(f"{name}@1") == network(f"{name}@1.0") == network(name)


@pytest.mark.parametrize(
    "name",
    [
        "sasa_resnet26@0.5",
        "aa_resnet34@0.25",
        "bam_resnet50@0.3",
        "aa_mnasnet_100@0.5",
        "aa_wide_resnet28_10@0.1",
    ],
)
def test_a_training_step_at_another_width(name: str) -> None:
    task = Task(input_shape=(3, 32, 32), classes=7)
    assert_a_step_is_finite(network(name), task)


@pytest.mark.parametrize("factor", ["", "half", "-1", "0", "nan", "inf", "0.5@0.5"])
def test_factors_that_are_refused(factor: str) -> None:
    message = f"the width after @ must be a positive number up to 1000, got 'resnet50@{factor}'"
    with pytest.raises(ValueError, match=message):
        named_network(f"resnet50@{factor}")


@pytest.mark.parametrize("find", [named_network, network])
@pytest.mark.parametrize("name", ["resnet500", "resnet500@0.5", "resnet500@"])
def test_an_unknown_name_is_answered_with_the_nearest(find: Any, name: str) -> None:
    with pytest.raises(KeyError, match="no network is called 'resnet500'; did you mean 'resnet50'"):
        find(name)


@pytest.mark.parametrize("name", ["", "@0.5", "transformer"])
def test_a_name_like_no_other_is_answered_with_all(name: str) -> None:
    with pytest.raises(KeyError, match=r"known: resnet18, .*, sasa_retinanet50"):
        network(name)


def test_a_factor_too_small_for_the_heads() -> None:
    message = "relative positions need at least 2 channels a head, got channels=8, heads=8"
    with pytest.raises(ValueError, match=message):
        network("sasa_resnet50@0.1")
    assert network("sasa_resnet50@0.25").stages[0].width == 16


def test_sources_and_tasks() -> None:
    on_cifar_10 = [f"resnet{depth}" for depth in (20, 32, 44, 56, 110)]
    for name, named in ZOO.items():
        other = CIFAR_100 if "wide" in name else CIFAR_10 if name in on_cifar_10 else None
        assert named.task == (COCO if "retinanet" in name else other or IMAGENET)
        paper = "SASA" if "sasa" in name else "AACN"
        if name.startswith("resnet"):
            paper = "SASA" if name in ("resnet26", "resnet38") else "He et al. 2015"
        assert named.source.startswith(paper)


# Published costs

TORCHVISION = {
    "resnet18": (11_689_512, 1.814),
    "resnet34": (21_797_672, 3.664),
    "resnet50": (25_557_032, 4.089),
    "resnet101": (44_549_160, 7.801),
    "resnet152": (60_192_808, 11.514),
}
"""Parameters and 10^9 multiply-adds are those of torchvision's table of weights."""

HE_TABLE_6 = {
    "resnet20": "0.27",
    "resnet32": "0.46",
    "resnet44": "0.66",
    "resnet56": "0.85",
    "resnet110": "1.7",
}
"""Millions of parameters for CIFAR-10 (He et al. 2015)."""


@pytest.mark.parametrize("name", TORCHVISION)
def test_parameters_and_macs_are_those_of_torchvision(name: str) -> None:
    params, gmacs = TORCHVISION[name]
    assert GOLDEN[name]["params"] == params
    assert round(GOLDEN[name]["macs"] / 1e9, 3) == gmacs


@pytest.mark.parametrize("name", HE_TABLE_6)
def test_parameters_for_cifar_are_those_of_the_paper(name: str) -> None:
    printed = HE_TABLE_6[name]
    decimals = len(printed.partition(".")[2])
    assert f"{GOLDEN[name]['params'] / 1e6:.{decimals}f}" == printed


@pytest.mark.parametrize("depth", [2, 18, 21])
def test_a_depth_that_makes_no_network_for_cifar(depth: int) -> None:
    with pytest.raises(ValueError, match=f"depth must be 6 n \\+ 2 with n at least 1, got {depth}"):
        cifar_resnet(depth)
