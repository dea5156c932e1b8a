"""A user's own channel attention, named by import path: in a space and in a network's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from search_space.architecture import Architecture, Task
from search_space.cost import count_module, network_costs
from search_space.networks import build
from search_space.space import SearchSpace
from search_space.space.architecture_file import read_architecture_and_task
from search_space.yaml_validation import ConfigError
from tests.search_space.own_primitive import PATH, SpatialGate, SpatialGate2d
from tests.search_space.strategies import CONV_STEM, space

GATE = f"{PATH}:SpatialGate"
STAGE: dict[str, Any] = {"depth": [1, 2], "width": 4, "primitive": {"type": "conv"}}
GATED: dict[str, Any] = {
    "stem": CONV_STEM,
    "stages": [
        {
            "width": 4,
            "stride": 1,
            "blocks": [{"type": "conv"}, {"type": "conv"}],
            "recalibration": [None, {"type": GATE, "kernel": 3}],
        }
    ],
}


def test_in_a_search_space() -> None:
    own = space(STAGE | {"recalibration": [{"type": "none"}, {"type": GATE, "kernel": [1, 3]}]})
    architectures = set(own.architectures())
    assert own.size == len(architectures) == 2 * 3
    assert f"stage1.recalibration.{GATE}.kernel" in {p.name for p in own.parameters}
    for architecture in architectures:
        assert own.decode(own.encode(architecture)) == architecture
        assert Architecture.from_json(architecture.canonical_json()) == architecture


def test_in_a_networks_file(tmp_path: Path) -> None:
    file = tmp_path / "network.json"
    file.write_text(json.dumps(GATED))
    architecture, _ = read_architecture_and_task(file)
    assert architecture.stages[0].recalibration == (None, SpatialGate(kernel=3))
    assert "conv3 x1 + conv3+spatial-gate3 x1" in str(architecture)

    task = Task(input_shape=(3, 9, 8), classes=10)
    model = build(architecture, task, seed=0)
    gates = [part for part in model.modules() if isinstance(part, SpatialGate2d)]
    assert [gate.gate.weight.shape for gate in gates] == [(1, 16, 3, 3)]
    assert model(torch.zeros(2, 3, 9, 8)).shape == (2, 10)
    costs = network_costs(architecture, task)
    assert (costs.params, costs.macs, costs.activations) == count_module(model, (3, 9, 8))
    gate_macs = 9 * 8 * 9 * 16
    stages = [{"width": 4, "stride": 1, "blocks": [{"type": "conv"}, {"type": "conv"}]}]
    bare = Architecture.from_json(json.dumps(GATED | {"stages": stages}))
    assert costs.macs - network_costs(bare, task).macs == gate_macs


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        ({"type": GATE, "kernels": 3}, ".kernels: unknown key; did you mean 'kernel'?"),
        ({"type": GATE, "width": 3}, ".width: unknown key; known: kernel, type"),
        ({"type": GATE, "kernel": 0}, ".kernel: input should be greater than or equal to 1, got 0"),
        ({"type": "se", "squeezed": 3}, ".squeezed: unknown key; did you mean 'squeeze'?"),
        ({"type": "se", "zzz": 3, "squeeze": 1}, ".zzz: unknown key; known: squeeze, type"),
    ],
)
def test_a_wrong_key_in_a_networks_file_is_told_the_types_own(
    tmp_path: Path, gate: dict[str, Any], problem: str
) -> None:
    stage = GATED["stages"][0] | {"recalibration": [None, gate]}
    file = tmp_path / "network.json"
    file.write_text(json.dumps(GATED | {"stages": [stage]}))
    with pytest.raises(ConfigError) as caught:
        read_architecture_and_task(file)
    assert f"stages[0].recalibration[1]{problem}" in caught.value.problems


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (
            "blocks",
            [{"type": "local_attention", "extend": 3, "heads": 2}],
            "stages[0].blocks[0].extend: unknown key; did you mean 'extent'?",
        ),
        (
            "blocks",
            [{"type": f"{PATH}:Separable", "zzz": 3}],
            "stages[0].blocks[0].zzz: unknown key; known: kernel, type",
        ),
        (
            "blocks",
            [
                {"type": "inverted_bottleneck", "kernel": 3, "expansion": 2}
                | {"augmentation": {"type": "augmented_conv", "key_dept": 3}}
            ],
            "stages[0].blocks[0].augmentation.key_dept: unknown key; did you mean 'key_depth'?",
        ),
        ("widht", 4, "stages[0].widht: unknown key; did you mean 'width'?"),
    ],
)
def test_a_wrong_key_of_a_primitive_is_told_the_types_own(
    tmp_path: Path, place: str, value: Any, problem: str
) -> None:
    file = tmp_path / "network.json"
    stage = {"width": 4, "stride": 1, "blocks": [{"type": "conv"}]} | {place: value}
    file.write_text(json.dumps({"stem": CONV_STEM, "stages": [stage]}))
    with pytest.raises(ConfigError) as caught:
        read_architecture_and_task(file)
    assert problem in caught.value.problems


def test_a_wrong_key_in_a_space_is_told_the_types_own() -> None:
    gate = {"type": GATE, "kernels": [1, 3]}
    with pytest.raises(ConfigError) as caught:
        SearchSpace.from_mapping(
            {"name": "own", "stem": CONV_STEM, "stages": [STAGE | {"recalibration": gate}]}
        )
    assert caught.value.problems == [
        "stages[0].recalibration[0].kernels: unknown key; did you mean 'kernel'?"
    ]
