"""Architectures by number, and draws that are uniform over them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from search_space.space.numbering import uniform_below
from tests.search_space.small_spaces import SMALL, read
from tests.search_space.strategies import DIGITS, MOBILE, WIDE


def test_the_numbers_below_the_size_are_all_architectures_once_each(case: dict[str, Any]) -> None:
    space = read(case)
    assert [space.numbered(n) for n in range(space.size)] == list(space.architectures())
    for outside in (-1, space.size):
        with pytest.raises(IndexError, match=f"from 0 to {space.size - 1}, got {outside}"):
            space.numbered(outside)


@pytest.mark.parametrize("space", [DIGITS, MOBILE, WIDE], ids=lambda space: space.name)
def test_numbers_of_large_spaces_name_different_architectures(space: Any) -> None:
    numbers = np.linspace(0, space.size - 1, 40).astype(int)
    architectures = [space.numbered(int(number)) for number in numbers]
    assert all(map(space.contains, architectures))
    assert len(set(architectures)) == len(set(numbers))


class EveryByte:
    """Gives one byte, then zeros: an enumeration in place of a random generator."""

    def __init__(self, first: int) -> None:
        self.left = [first]

    def bytes(self, count: int) -> bytes:
        return bytes([self.left.pop()] if self.left else [0] * count)


@pytest.mark.parametrize("bound", [2, 3, 5, 8, 100, 255, 256])
def test_each_number_below_a_bound_comes_from_as_many_bytes(bound: int) -> None:
    taken: Counter[int] = Counter()
    for first in range(256):
        rng: Any = EveryByte(first)
        number = uniform_below(bound, rng)
        # A byte that was refused is followed by a zero.
        taken[number] += first >> (8 - (bound - 1).bit_length()) < bound
    assert set(taken) == set(range(bound))
    assert len(set(taken.values())) == 1


def test_numbers_of_any_size() -> None:
    rng = np.random.default_rng(0)
    assert uniform_below(1, rng) == 0
    drawn = [uniform_below(3 * 2**200, rng) for _ in range(400)]
    assert all(0 <= number < 3 * 2**200 for number in drawn)
    thirds = Counter(number >> 200 for number in drawn)
    assert all(90 < thirds[third] < 180 for third in range(3))  # 133 each, deviation 9


def test_a_draw_over_architectures_is_uniform_and_one_over_choices_is_not() -> None:
    """At each width kappa and upsilon merge, so that choices lead to some networks more often."""
    space = read(SMALL["repeats by resolution"])
    expected = 40.0
    rng = np.random.default_rng(0)

    def chi_square(draw: Any) -> float:
        counts = Counter(draw(rng) for _ in range(int(expected) * space.size))
        return sum((counts[a] - expected) ** 2 / expected for a in space.architectures())

    degrees = space.size - 1
    limit = degrees + 4 * (2 * degrees) ** 0.5  # four standard deviations over the mean
    assert chi_square(space.sample_architectures) < limit
    assert chi_square(space.sample) > 5 * limit


def test_a_draw_is_deterministic_by_seed() -> None:
    draws = [
        [DIGITS.sample_architectures(rng) for _ in range(10)]
        for rng in (np.random.default_rng(3), np.random.default_rng(3))
    ]
    assert draws[0] == draws[1]
    assert len(set(draws[0])) == 10
