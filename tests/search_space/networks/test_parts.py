"""The parts of a space are those of its architectures, and build the modules of their networks."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from search_space.architecture import Task
from search_space.networks import build
from search_space.networks.detection.plan import HeadsPlan, PyramidPlan
from search_space.networks.parts import (
    build_part,
    part_inputs,
    part_name,
    parts_of_network,
    parts_of_space,
)
from search_space.networks.plan import BlockPlan
from search_space.space import SearchSpace
from tests.search_space.small_spaces import read
from tests.search_space.strategies import DIGITS, EVERY_KIND

TASK = Task(input_shape=(2, 8, 12), classes=4)


def test_of_every_small_space(case: dict[str, Any]) -> None:
    space = read(case)
    parts = parts_of_space(space, TASK)
    met = {p for a in space.architectures() for p in parts_of_network(a, TASK)}
    assert set(parts) == met
    assert len({part_name(part) for part in parts}) == len(parts) == len(met)


@pytest.mark.parametrize("space", EVERY_KIND, ids=lambda space: space.name)
def test_what_is_built_is_what_stands_in_the_network(space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        architecture = space.sample(rng)
        modules = {
            part: build_part(part, seed=0).eval() for part in parts_of_network(architecture, TASK)
        }
        whole = build(architecture, TASK, seed=0)
        counts = parts_of_network(architecture, TASK)
        assert weights(whole) == sum(counts[part] * weights(modules[part]) for part in modules)
        for part, module in modules.items():
            maps = [torch.randn(1, *shape) for shape in part_inputs(part)]
            out = module(maps if isinstance(part, PyramidPlan | HeadsPlan) else maps[0])
            if isinstance(part, BlockPlan):
                assert out.shape[1:] == (part.out_channels, *part.output_hw)


def test_building_a_part_leaves_the_generator_as_it_was() -> None:
    part = parts_of_space(DIGITS, TASK)[0]
    before = torch.get_rng_state()
    first, again = (list(build_part(part, seed=3).parameters()) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
