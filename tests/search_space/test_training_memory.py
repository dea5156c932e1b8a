"""What training keeps, in closed form and as autograd really keeps it; the peak's estimate."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from search_space.architecture import Architecture, Task
from search_space.cost import peak_memory_bytes
from search_space.cost.memory import saved_bytes
from search_space.cost.network import part_bytes
from search_space.networks import build
from search_space.networks.plan import plan_network
from search_space.space import SearchSpace
from search_space.zoo import network
from tests.search_space.strategies import BASIC, DIGITS, MOBILE, WIDE, architectures, examples


@pytest.mark.parametrize("space", [DIGITS, BASIC, MOBILE, WIDE], ids=lambda space: space.name)
def test_what_a_network_keeps(space: SearchSpace) -> None:
    @examples(20)
    @given(
        architecture=architectures(space),
        shape=st.sampled_from([(1, 8, 8), (3, 12, 10), (2, 12, 8)]),
    )
    def check(architecture: Architecture, shape: tuple[int, int, int]) -> None:
        task = Task(input_shape=shape, classes=5)
        parts = part_bytes(plan_network(architecture, task))
        kept = sum(part.saved for part in parts)
        assert kept == saved_bytes(build(architecture, task, seed=0), shape)
        peak = peak_memory_bytes(architecture, task)
        assert peak > kept
        assert all(part.transient > 0 for part in parts)

    check()


def test_a_networks_memory_grows_with_its_images() -> None:
    small, large = (
        peak_memory_bytes(network("resnet50"), Task(input_shape=(3, side, side), classes=10))
        for side in (64, 128)
    )
    assert large == pytest.approx(4 * small, rel=0.01)


def test_counting_leaves_the_weights_alone() -> None:
    model = torch.nn.Linear(4, 3)
    before = model.weight.clone()
    assert saved_bytes(model, (2, 5, 4)) == 2 * 5 * 3 * 4
    assert torch.equal(model.weight, before)
