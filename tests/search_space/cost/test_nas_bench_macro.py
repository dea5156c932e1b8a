"""Parameters and MACs of NAS-Bench-Macro's 6,561 networks, as published (Su et al. 2021).

The benchmark's file is not a part of this project: ``nas-bench-macro_cifar10.json`` of
https://github.com/xiusu/NAS-Bench-Macro, whose path the variable below names.
"""

from __future__ import annotations

import json
import os
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from search_space.architecture import Architecture, Stage, Task
from search_space.cost import network_costs
from search_space.primitives import ConvolutionStem, Identity, InvertedBottleneck

VARIABLE = "NAS_BENCH_MACRO"
CIFAR_10 = Task(dataset="cifar10", input_shape=(3, 32, 32), classes=10)

OPERATORS = {
    "0": Identity(),
    "1": InvertedBottleneck(kernel=3, expansion=3),
    "2": InvertedBottleneck(kernel=5, expansion=6),
}
LAYERS = (2, 3, 3)  # in each stage; its first layer doubles the channels and halves the map
STEM = ConvolutionStem(width=32, kernel=3, stride=1, pool=False)
HEAD = 1280


def macro_network(key: str) -> Architecture:
    """Return the network of a key, one digit a layer."""
    stages = []
    width, first = STEM.width, 0
    for layers in LAYERS:
        width *= 2
        blocks = tuple(OPERATORS[digit] for digit in key[first : first + layers])
        stages.append(Stage(width=width, stride=2, blocks=blocks))
        first += layers
    return Architecture(family="mnasnet", stem=STEM, stages=tuple(stages), head=HEAD)


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"{VARIABLE} does not name the file nas-bench-macro_cifar10.json")
    return json.loads(Path(path).read_text())


def test_every_network_has_the_published_costs(published: dict[str, Any]) -> None:
    keys = ["".join(digits) for digits in product("012", repeat=sum(LAYERS))]
    assert len(keys) == 6561
    assert published.keys() == set(keys)
    counted = {key: network_costs(macro_network(key), CIFAR_10) for key in keys}
    wrong = [
        key
        for key, costs in counted.items()
        if (costs.params, costs.macs) != (published[key]["params"], published[key]["flops"])
    ]
    assert not wrong, f"{len(wrong)} differ, such as {wrong[:3]}"


def test_the_least_and_the_most() -> None:
    """Two of the published networks, which need no file."""
    least, most = (network_costs(macro_network(digit * 8), CIFAR_10) for digit in "02")
    assert (least.params, least.macs) == (387_882, 7_713_280)
    assert (most.params, most.macs) == (2_932_586, 105_660_928)
