"""Scaling of a network's depth."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from search_space.architecture import Architecture, Task
from search_space.depth_scaling import at_depth
from search_space.networks import build
from search_space.zoo import ZOO, network


def depths(architecture: Architecture) -> list[int]:
    return [len(stage.blocks) for stage in architecture.stages]


@pytest.mark.parametrize(
    ("name", "factor", "expected"),
    [
        ("resnet50", 0.5, [2, 2, 3, 2]),
        ("resnet50", 2, [6, 8, 12, 6]),
        ("resnet50", 0.01, [1, 1, 1, 1]),
        ("mnasnet_100", 1.5, [2, 3, 5, 6, 3, 5, 2]),
    ],
)
def test_every_stage_is_scaled_and_rounded(name: str, factor: float, expected: list[int]) -> None:
    assert depths(at_depth(network(name), factor)) == expected


@given(st.sampled_from(sorted(ZOO)), st.sampled_from([0.3, 0.5, 1.5, 2.0]))
def test_only_depths_change(name: str, factor: float) -> None:
    before = network(name)
    now = at_depth(before, factor)
    assert now.stem == before.stem
    for old, new in zip(before.stages, now.stages, strict=True):
        assert (new.width, new.stride) == (old.width, old.stride)
        shared = min(len(old.blocks), len(new.blocks))
        assert new.blocks[:shared] == old.blocks[:shared]
        assert {block.type for block in new.blocks} <= {block.type for block in old.blocks}
        after_stage = [gate for gate in old.recalibration if gate and gate.placement == "stage"]
        assert bool(after_stage) == any(
            gate and gate.placement == "stage" for gate in new.recalibration
        )


def test_a_factor_of_one_changes_nothing() -> None:
    before = network("bam_resnet50")
    assert at_depth(before, 1) is before


@pytest.mark.parametrize("name", ["aa_resnet34@0.25", "bam_resnet50@0.25", "mnasnet_075"])
def test_what_is_repeated_builds_and_runs(name: str) -> None:
    task = Task(input_shape=(3, 64, 64), classes=10)
    model = build(at_depth(network(name), 1.5), task, seed=0)
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 10)


def test_a_network_has_a_most_number_of_blocks() -> None:
    with pytest.raises(ValueError, match="at most"):
        at_depth(network("resnet152"), 1000)
