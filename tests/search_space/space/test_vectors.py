"""Vectors and named parameters: encode and decode, params_of and from_params."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_space.architecture import Architecture
from search_space.space.parameters import INACTIVE
from tests.search_space.brute_force import raw_architectures
from tests.search_space.small_spaces import SMALL, read
from tests.search_space.strategies import (
    BASIC,
    DIGITS,
    examples,
    sampled,
    seeds,
)
from tests.search_space.vectors import all_vectors


def test_decode_reaches_everything_and_encode_is_canonical(case: dict[str, Any]) -> None:
    space = read(case)
    vectors = all_vectors(space)
    assert len(vectors) == len(list(raw_architectures(case)))
    canonical: dict[Architecture, tuple[int, ...]] = {}
    first: dict[Architecture, tuple[int, ...]] = {}
    for vector in vectors:
        architecture = space.decode(vector)
        encoded = space.encode(architecture)
        assert encoded.dtype == np.int64
        assert encoded.shape == (len(space.parameters),)
        assert space.decode(encoded) == architecture
        assert canonical.setdefault(architecture, tuple(encoded)) == tuple(encoded)
        first[architecture] = min(first.get(architecture, tuple(vector)), tuple(vector))
    assert set(canonical) == set(space.architectures())
    assert canonical == first  # the first choices that give it, whatever the process
    # No two architectures share a vector, and each one's is among those that decode to it.
    assert len(set(canonical.values())) == space.size
    assert set(canonical.values()) <= {tuple(vector) for vector in vectors}


def test_encode_and_decode_are_inverse_on_every_architecture(case: dict[str, Any]) -> None:
    space = read(case)
    for architecture in space.architectures():
        vector = space.encode(architecture)
        assert space.decode(vector) == architecture
        assert space.decode(vector.tolist()) == architecture
        assert np.array_equal(space.encode(space.decode(vector)), vector)


@examples(40)
@given(seed=seeds())
def test_samples_of_large_spaces(seed: int) -> None:
    for space in (DIGITS, BASIC):
        architecture = sampled(space, seed)
        assert space.contains(architecture)
        assert space.decode(space.encode(architecture)) == architecture
        assert space.from_params(space.params_of(architecture)) == architecture


@examples(40)
@given(data=st.data())
def test_inactive_entries_do_not_matter(data: st.DataObject) -> None:
    architecture = sampled(BASIC, data.draw(seeds()))
    vector = BASIC.encode(architecture)
    noise = st.integers(min_value=-5, max_value=5)
    filled = [data.draw(noise) if choice == INACTIVE else int(choice) for choice in vector]
    assert BASIC.decode(filled) == architecture


def test_decode_refuses_what_is_no_point() -> None:
    space = read(SMALL["types"])
    vector = space.encode(sampled(space, 0))
    with pytest.raises(ValueError, match=rf"small has {len(vector)} parameters, got 3"):
        space.decode([0, 0, 0])
    for wrong in (INACTIVE, 99):
        changed = vector.copy()
        changed[0] = wrong
        with pytest.raises(ValueError, match=rf"stem.type must be an index below 2, got {wrong}"):
            space.decode(changed)


def test_params_are_the_active_ones(case: dict[str, Any]) -> None:
    space = read(case)
    choices = {parameter.name: parameter.choices for parameter in space.parameters}
    assert len(choices) == len(space.parameters)
    for architecture in space.architectures():
        params = space.params_of(architecture)
        active = np.flatnonzero(space.encode(architecture) != INACTIVE)
        assert list(params) == [space.parameters[index].name for index in active]
        assert all(value in choices[name] for name, value in params.items())
        assert space.from_params(params) == architecture
        assert space.from_params(params | {"something else": 1}) == architecture


def test_conditional_parameters_are_absent_when_inactive() -> None:
    space = read(SMALL["types"])
    for architecture in space.architectures():
        names = set(space.params_of(architecture))
        first, second = (stage.blocks[0].type for stage in architecture.stages)
        assert ("stem.attention.mixtures" in names) == (architecture.stem.type == "attention")
        assert ("stage1.conv.kernel" in names) == (first == "conv")
        assert ("stage1.local_attention.extent" in names) == (first == "local_attention")
        assert ("stage2.local_attention.extent" in names) == (second == "local_attention")
        assert {"stem.type", "stage1.type", "stage2.type", "stage2.width"} <= names
        assert len(names) <= 7
    overridden = read(SMALL["override"])
    for architecture in overridden.architectures():
        names = set(overridden.params_of(architecture))
        depth = len(architecture.stages[0].blocks)
        assert "stage1.block0.conv.kernel" in names
        assert ("stage1.type" in names) == (depth > 1)
        assert ("stage1.block2.type" in names) == (depth > 2)


def test_params_that_make_no_architecture() -> None:
    space = read(SMALL["depth"])
    with pytest.raises(ValueError, match=r"small: parameter stage1.width is missing"):
        space.from_params({"stage1.depth": 1})
    with pytest.raises(
        ValueError, match=r"small: parameter stage1.depth must be one of \[1, 2, 4\], got 3"
    ):
        space.from_params({"stage1.depth": 3, "stage1.width": 4})


def test_conditions_name_earlier_parameters(case: dict[str, Any]) -> None:
    for space in (read(case), DIGITS, BASIC):
        for index, parameter in enumerate(space.parameters):
            assert len(parameter.choices) > 1
            for earlier, allowed in parameter.conditions:
                assert earlier < index
                assert allowed < set(range(len(space.parameters[earlier].choices))) or not allowed
