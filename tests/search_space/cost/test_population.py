"""Costs of a whole population equal those of its architectures one by one."""

import numpy as np
import pytest

from search_space.architecture import Task
from search_space.cost import network_costs, peak_memory_bytes
from search_space.cost.population import PopulationCosts
from search_space.space import SearchSpace
from search_space.space.parameters import INACTIVE
from tests.search_space import own_primitive
from tests.search_space.small_spaces import CONV, described, read
from tests.search_space.strategies import DIGITS, EVERY_KIND, SPACE_FILES, fitting

IMAGENET_LIKE = Task(input_shape=(3, 64, 48), classes=7)


def assert_columns_are_single_costs(space: SearchSpace, task: Task, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    architectures = [space.sample(rng) for _ in range(count)]
    costs_of = PopulationCosts(space, task)
    vectors = np.array([space.encode(architecture) for architecture in architectures])
    half = count // 2
    for part in (slice(0, half), slice(0, count)):  # at first nothing is known, then a part is
        columns = costs_of(vectors[part])
        costs = [network_costs(architecture, task) for architecture in architectures[part]]
        assert columns.params.tolist() == [each.params for each in costs]
        assert columns.macs.tolist() == [each.macs for each in costs]
        assert columns.activations.tolist() == [each.activations for each in costs]
        peaks = [peak_memory_bytes(architecture, task) for architecture in architectures[part]]
        assert columns.peak_memory_bytes.tolist() == peaks


@pytest.mark.parametrize("space", EVERY_KIND, ids=lambda space: space.name)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 6, 10)])
def test_of_small_spaces(space: SearchSpace, shape: tuple[int, int, int]) -> None:
    assert_columns_are_single_costs(space, Task(input_shape=shape, classes=5), seed=3, count=60)


@pytest.mark.parametrize("path", SPACE_FILES, ids=lambda path: path.stem)
def test_of_shipped_spaces(path) -> None:
    space = SearchSpace.from_yaml(path)
    task = IMAGENET_LIKE.replace(input_shape=fitting(IMAGENET_LIKE.input_shape, space))
    assert_columns_are_single_costs(space, task, seed=0, count=100)


def test_of_every_small_description(case) -> None:
    task = Task(input_shape=(2, 8, 12), classes=4)
    assert_columns_are_single_costs(read(case), task, seed=1, count=30)


def test_of_primitives_that_state_no_costs() -> None:
    separable = {"type": f"{own_primitive.PATH}:Separable", "kernel": [3, 5]}
    stem = {"type": f"{own_primitive.PATH}:Patches", "patch": [1, 2], "width": 4}
    space = read(
        described(
            {"depth": [1, 2], "width": [4, 8], "primitive": [separable, CONV]},
            stem=stem,
        )
    )
    assert_columns_are_single_costs(space, Task(input_shape=(3, 8, 8), classes=3), seed=0, count=16)


def test_of_a_place_with_more_choices_than_an_integer_numbers() -> None:
    """Each of 45 types has a parameter of its own: 3 ** 45 is beyond 64 bits."""
    types = [{"type": "conv", "kernel": [4 * i + 1, 4 * i + 3]} for i in range(45)]
    space = read(described({"depth": 1, "width": 4, "primitive": types}))
    architectures = list(space.architectures())
    assert len(architectures) == space.size == 90
    task = Task(input_shape=(1, 8, 8), classes=4)
    columns = PopulationCosts(space, task)(np.array([space.encode(a) for a in architectures]))
    assert columns.params.tolist() == [network_costs(a, task).params for a in architectures]


def test_what_stands_in_inactive_columns_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    vectors = np.array([DIGITS.encode(DIGITS.sample(rng)) for _ in range(50)])
    filled = np.where(vectors == INACTIVE, rng.integers(0, 9, vectors.shape), vectors)
    assert np.array_equal(DIGITS.checked(filled), vectors)
    costs_of = PopulationCosts(DIGITS, Task(input_shape=(1, 8, 8), classes=10))
    for plain, with_noise in zip(costs_of(vectors), costs_of(filled), strict=True):
        assert np.array_equal(plain, with_noise)


def test_nobody_is_a_population_too() -> None:
    columns = PopulationCosts(DIGITS, IMAGENET_LIKE)(np.empty((0, len(DIGITS.parameters)), int))
    assert [column.shape for column in columns] == [(0,)] * 4


def test_refused() -> None:
    costs_of = PopulationCosts(DIGITS, IMAGENET_LIKE)
    vector = DIGITS.encode(DIGITS.sample(np.random.default_rng(0)))
    with pytest.raises(
        ValueError, match=r"digits has 21 parameters, got an array of shape \(21,\)"
    ):
        costs_of(vector)
    first = DIGITS.parameters[0]
    vector[0] = INACTIVE
    with pytest.raises(ValueError, match=f"{first.name} must be an index below .*, got -1"):
        costs_of(vector[None])
    vector[0] = len(first.choices)
    with pytest.raises(ValueError, match=f"{first.name} must be an index below"):
        costs_of(vector[None])
