"""Sampling, neighbours and mutation."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_space.architecture import Architecture
from search_space.space import SearchSpace
from search_space.space.parameters import INACTIVE
from tests.search_space.small_spaces import AA, SMALL, described, read
from tests.search_space.strategies import (
    BASIC,
    DIGITS,
    EVERY_KIND,
    architectures,
    examples,
    sampled,
    seeds,
)
from tests.search_space.vectors import all_vectors

pytestmark = pytest.mark.many_cases


def test_sample_is_deterministic_by_seed() -> None:
    for space in (DIGITS, BASIC):
        draws = [
            [space.sample(rng) for _ in range(20)]
            for rng in (np.random.default_rng(5), np.random.default_rng(5))
        ]
        assert draws[0] == draws[1]
        assert len(set(draws[0])) > 10
        assert draws[0] != [sampled(space, 6 + index) for index in range(20)]


def test_sample_draws_every_type_alike_and_reaches_everything() -> None:
    space = read(SMALL["types"])
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(900)]
    types = [architecture.stages[0].blocks[0].type for architecture in drawn]
    # 900 draws of 3 types: 300 each, standard deviation 14; 5 of those on either side.
    for kind in ("conv", "augmented_conv", "local_attention"):
        assert 230 < types.count(kind) < 370
    assert set(drawn) == set(space.architectures())


def test_neighbours_are_symmetric_and_one_parameter_apart(case: dict[str, Any]) -> None:
    """By the definition: some descriptions of both differ in one of the parameters they share."""
    space = read(case)
    vectors = np.stack(all_vectors(space))
    built = [space.decode(vector) for vector in vectors]
    expected: dict[Architecture, set[Architecture]] = {one: set() for one in built}
    for one, vector in zip(built, vectors, strict=True):
        shared = (vectors != INACTIVE) & (vector != INACTIVE)
        apart = ((vectors != vector) & shared).sum(axis=1) == 1
        expected[one] |= {built[index] for index in np.flatnonzero(apart)} - {one}
    near = {one: space.neighbours(one) for one in space.architectures()}
    assert {one: set(others) for one, others in near.items()} == expected
    assert all(len(set(others)) == len(others) for others in near.values())
    assert all(one in expected[other] for one, others in expected.items() for other in others)


def test_neighbours_come_in_a_fixed_order() -> None:
    for name, data in SMALL.items():
        spaces = read(data), read(data)
        for seed in range(3):
            first, second = (space.neighbours(sampled(space, seed)) for space in spaces)
            assert first == second, name


@pytest.mark.parametrize("space", EVERY_KIND, ids=lambda space: space.name)
def test_neighbours_are_symmetric_in_larger_spaces(space: SearchSpace) -> None:
    @examples(4)
    @given(architecture=architectures(space), data=st.data())
    def check(architecture: Architecture, data: st.DataObject) -> None:
        near = space.neighbours(architecture)
        for other in data.draw(st.lists(st.sampled_from(near), min_size=3, max_size=3)):
            assert architecture in space.neighbours(other)

    check()


def test_neighbours_start_from_every_description() -> None:
    """At 8 channels both upsilons give 2 value channels, at 32 they give 8 and 6."""
    primitive = AA | {"kappa": 0.5, "upsilon": [0.25, 0.2]}
    space = read(described({"depth": 1, "width": [8, 32], "primitive": primitive}))
    (narrow,) = (a for a in space.architectures() if a.stages[0].width == 8)
    wide = {a for a in space.architectures() if a.stages[0].width == 32}
    assert len(wide) == 2
    assert set(space.neighbours(narrow)) == wide
    for one in wide:
        assert narrow in space.neighbours(one)


def test_every_architecture_can_be_reached_by_mutations(case: dict[str, Any]) -> None:
    space = read(case)
    start = next(space.architectures())
    reached, todo = {start}, [start]
    while todo:
        new = set(space.neighbours(todo.pop())) - reached
        reached |= new
        todo += new
    assert reached == set(space.architectures())


def test_neighbours_by_hand() -> None:
    space = read(SMALL["override"])
    params = {"stage1.depth": 1, "stage1.width": 8, "stage1.block0.conv.kernel": 3}
    changes = space.changes(space.from_params(params))
    assert list(changes) == ["stage1.depth", "stage1.width", "stage1.block0.conv.kernel"]
    assert {name: len(neighbours) for name, neighbours in changes.items()} == {
        # To 2 blocks: the shared primitive's 2 convolutions and 2 extents come into being. To 3
        # blocks: each with what block 2 may be, 1 convolution and 2 extents with 2 heads.
        "stage1.depth": 4 + 4 * 5,
        "stage1.width": 1,
        "stage1.block0.conv.kernel": 1,
    }
    narrow = space.from_params(params | {"stage1.width": 4})
    assert changes["stage1.width"] == [narrow]
    for name, neighbours in changes.items():
        for other in neighbours:
            assert space.params_of(other)[name] != params[name]
            kept = {key: value for key, value in params.items() if key != name}
            assert kept.items() <= space.params_of(other).items()


@examples(40)
@given(seed=seeds())
def test_mutation(seed: int) -> None:
    for space in (DIGITS, BASIC):
        architecture = sampled(space, seed)
        child = space.mutate(architecture, np.random.default_rng(seed))
        assert child != architecture
        assert space.contains(child)
        assert child in space.neighbours(architecture)
        assert child == space.mutate(architecture, np.random.default_rng(seed))


def test_mutation_gives_each_parameter_the_same_chance() -> None:
    space = read(SMALL["override"])
    params = {"stage1.depth": 1, "stage1.width": 8, "stage1.block0.conv.kernel": 3}
    parent = space.from_params(params)
    rng = np.random.default_rng(0)
    changed = dict.fromkeys(params, 0)
    for _ in range(600):
        mutated = space.params_of(space.mutate(parent, rng))
        (name,) = [key for key, value in params.items() if mutated[key] != value]
        changed[name] += 1
    # 200 each, standard deviation 12, although depth leads to 24 architectures of 26.
    assert all(140 < count < 260 for count in changed.values()), changed


def test_nothing_to_mutate() -> None:
    space = read(SMALL["one"])
    only = sampled(space, 0)
    assert space.parameters == ()
    assert space.neighbours(only) == []
    with pytest.raises(ValueError, match="small: no architecture is one parameter away"):
        space.mutate(only, np.random.default_rng(0))
    collapsed = read(described({"depth": 1, "width": 4, "primitive": AA | {"kappa": [0.1, 0.2]}}))
    assert collapsed.size == 1  # though it has a parameter with two choices
    with pytest.raises(ValueError, match="no architecture is one parameter away"):
        collapsed.mutate(sampled(collapsed, 0), np.random.default_rng(0))
