"""Each use of a search's seed has a stream of its own."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from nas.random_streams import Stream, derived_seed, generator, sequence
from trainers import randomness

ROOT = Path(__file__).parents[2]
SEEDING = {"default_rng", "SeedSequence", "manual_seed", "RandomState", "PCG64", "Philox", "Random"}
"""Names by which generators are made from seeds."""


def first_number(source: np.random.SeedSequence) -> int:
    return int(source.generate_state(1, np.uint64)[0])


def test_no_two_uses_of_near_seeds_share_a_stream() -> None:
    """Nor does a training, whose seeds are the search's own or follow on it."""
    numbers = [
        first_number(sequence(seed, stream, *index))
        for seed in (0, 1, 2, 2**32, 2**63 - 1)
        for stream in Stream
        for index in indices_of(stream)
    ]
    numbers += [
        randomness.derived_seed(seed, stream, index)
        for seed, stream, index in product(range(3), randomness.Stream, range(40))
    ]
    assert len(set(numbers)) == len(numbers)


def indices_of(stream: Stream) -> list[tuple[int, ...]]:
    """Indices that a stream may have; those that are kept have one form each."""
    if stream == Stream.NOISE_SAMPLE:
        return [()]
    single = list(product(range(40)))
    if stream == Stream.FULL_TRAINING:
        return single
    return [(), *single, *product(range(8), range(8))]


def test_no_trial_draws_what_something_else_draws() -> None:
    """Trials drew from (seed, number), and the check of images from (seed, 31)."""
    trials = {first_number(sequence(0, Stream.PROPOSAL, number)) for number in range(2000)}
    others = [
        first_number(sequence(0, stream, *index))
        for stream in Stream
        if stream != Stream.PROPOSAL
        for index in indices_of(stream)
    ]
    assert trials.isdisjoint(others)


@cache
def mentioned() -> dict[str, Counter[str]]:
    """Count how often each module's code mentions a name, plain or after one dot."""
    return {
        path.relative_to(ROOT).as_posix(): Counter(names_in(path.read_text()))
        for package in ("nas", "analysis")
        for path in (ROOT / package).rglob("*.py")
    }


def names_in(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
            if isinstance(node.value, ast.Name):
                yield f"{node.value.id}.{node.attr}"


@pytest.mark.parametrize("stream", Stream, ids=lambda stream: stream.name)
def test_each_stream_has_one_use(stream: Stream) -> None:
    uses = {
        name: count
        for name, names in mentioned().items()
        if (count := names[f"Stream.{stream.name}"])
    }
    uses.pop("nas/random_streams.py", None)
    expected = 2 if stream == Stream.PROPOSAL else 1  # a search has this project's or Optuna's
    assert sum(uses.values()) == expected, f"{stream.name} is used in {uses}"


def test_generators_are_made_in_one_file() -> None:
    makers = {
        name: SEEDING & set(names) for name, names in mentioned().items() if name.startswith("nas/")
    }
    assert {name: used for name, used in makers.items() if used} == {
        "nas/random_streams.py": {"default_rng", "SeedSequence"},
        "nas/workflows/exporting/images.py": {"manual_seed"},  # torch's, of no run's seed
        "nas/zero_cost/batch.py": {"manual_seed"},  # torch's, of a seed that is derived
    }


def test_a_stream_is_the_same_each_time() -> None:
    first, again = (generator(7, Stream.RESERVOIR).random(5) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert derived_seed(7, Stream.PROPOSAL, 3) == derived_seed(7, Stream.PROPOSAL, 3) < 2**32


def test_what_runs_on_disk_count_on_is_as_it_was() -> None:
    """Full trainings begun and samples trained before streams had names go on as they were."""
    old = np.random.default_rng([5, 0x401]).permutation(50)
    np.testing.assert_array_equal(generator(5, Stream.NOISE_SAMPLE).permutation(50), old)
    number = first_number(np.random.SeedSequence((5, 0xF011, 2)))
    assert first_number(sequence(5, Stream.FULL_TRAINING, 2)) == number
