"""A space of named choices does what samplers rely on, as this project's own spaces do."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from nas.samplers.choice_space import ChoiceSpace
from nas.samplers.known_costs import CostFunctions
from nas.samplers.product_space import ProductSpace
from search_space.space import SearchSpace
from search_space.space.parameters import Parameter

CHOICES: dict[str, tuple[Any, ...]] = {
    "layer": ("a", "b", "c"),
    "width": (8, 16),
    "flag": (True, False),
}
ROWS = [row for row in product(*CHOICES.values()) if row[:2] != ("b", 16)]


@pytest.fixture(params=["whole", "rows", "own"])
def space(request: pytest.FixtureRequest, tiny_space: SearchSpace) -> ChoiceSpace:
    spaces: dict[str, ChoiceSpace] = {
        "whole": ProductSpace("whole", CHOICES),
        "rows": ProductSpace("rows", CHOICES, ROWS),
        "own": tiny_space,
    }
    return spaces[request.param]


class TestWhatSamplersRelyOn:
    def test_every_candidate_is_listed_once_and_sampled(self, space: ChoiceSpace) -> None:
        listed = list(space.architectures())
        assert len(set(listed)) == len(listed) == space.size
        rng = np.random.default_rng(0)
        assert {space.sample(rng) for _ in range(200)} == set(listed)

    def test_vectors_and_parameters_name_candidates(self, space: ChoiceSpace) -> None:
        listed = list(space.architectures())
        vectors = np.array([space.encode(candidate) for candidate in listed])
        assert vectors.shape == (len(listed), len(space.parameters))
        assert [space.decode(vector) for vector in vectors] == listed
        np.testing.assert_array_equal(space.checked(vectors), vectors)
        assert len(np.unique(vectors, axis=0)) == len(listed)
        assert [space.from_params(space.params_of(candidate)) for candidate in listed] == listed

    def test_walking_asks_for_each_active_parameter_in_order(self, space: ChoiceSpace) -> None:
        for candidate in space.architectures():
            params, asked = space.params_of(candidate), []

            def choose(parameter: Parameter, asked: list[str] = asked, params: Any = params) -> int:
                asked.append(parameter.name)
                return parameter.choices.index(params[parameter.name])

            assert space.decode(space.walk(choose)) == candidate
            assert asked == list(params)

    def test_changes_are_the_candidates_that_differ_in_one_parameter(
        self, space: ChoiceSpace
    ) -> None:
        listed = list(space.architectures())
        vectors = {candidate: space.encode(candidate) for candidate in listed}
        for candidate in listed:
            changed = space.changes(candidate)
            assert list(changed) == list(space.params_of(candidate))
            for index, near in enumerate(changed.values()):
                here = vectors[candidate]
                assert set(near) == {
                    other
                    for other, there in vectors.items()
                    if np.flatnonzero(here != there).tolist() == [index]
                }

    @pytest.mark.parametrize("wrong", [[0], [0, 0, 0, 0], [0, 0, 9], [-1, 0, 0]])
    def test_vectors_of_no_candidate_are_refused(
        self, space: ChoiceSpace, wrong: list[int]
    ) -> None:
        with pytest.raises(ValueError, match=r"parameters, got|must be an index below"):
            space.checked(np.array([wrong]))
        with pytest.raises(ValueError, match=r"parameters, got|must be an index below"):
            space.decode(np.array(wrong))

    def test_parameters_that_are_missing_are_named(self, space: ChoiceSpace) -> None:
        first, *others = space.params_of(next(iter(space.architectures()))).items()
        with pytest.raises(ValueError, match=f"parameter {re.escape(first[0])} is missing"):
            space.from_params(dict(others))


def test_only_rows_are_candidates() -> None:
    space = ProductSpace("table", CHOICES, ROWS)
    assert (space.size, space.is_irregular) == (10, True)
    assert not ProductSpace("whole", CHOICES).is_irregular
    assert not ProductSpace("all rows", CHOICES, product(*CHOICES.values())).is_irregular
    missing = ("b", 16, True)
    assert not space.contains(missing)
    for refused in (
        lambda: space.encode(missing),
        lambda: space.decode([1, 1, 0]),
        lambda: space.from_params(dict(zip(CHOICES, missing, strict=True))),
    ):
        with pytest.raises(ValueError, match=re.escape("table holds no ('b', 16, True)")):
            refused()


@pytest.mark.parametrize(
    ("choices", "rows", "message"),
    [
        ({}, None, "s: a space needs at least one parameter"),
        ({"a": ()}, None, "s: a needs distinct values, got ()"),
        ({"a": (1, 2, 1)}, None, "s: a needs distinct values, got (1, 2, 1)"),
        ({"a": (1, True)}, None, "s: a needs distinct values, got (1, True)"),
        ({"a": (1, 2)}, [], "s: rows must be distinct and at least one"),
        ({"a": (1, 2)}, [(1,), (1,)], "s: rows must be distinct and at least one"),
        ({"a": (1, 2)}, [(1, 2)], "s: a row has 1 values, got (1, 2)"),
        ({"a": (1, 2)}, [(3,)], "s: 3 is no choice of a"),
    ],
)
def test_what_is_no_space_is_refused(choices: Any, rows: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ProductSpace("s", choices, rows)


def test_costs_are_functions_of_candidates() -> None:
    asked: list[Any] = []

    def width(candidate: Any) -> float:
        asked.append(candidate)
        return candidate[1]

    space = ProductSpace("table", CHOICES, ROWS)
    functions: dict[str, Callable[[Any], float]] = {"width": width, "flags": lambda row: row[2]}
    costs = CostFunctions(space, functions)
    vectors = np.array([space.encode(row) for row in ROWS])
    for _ in range(2):
        np.testing.assert_array_equal(costs.columns(vectors), [[row[1], row[2]] for row in ROWS])
    assert asked == ROWS
    assert costs.columns(vectors[:0]).shape == (0, 2)
    assert costs.of(ROWS[0]) == {"width": 8.0, "flags": 1.0}
