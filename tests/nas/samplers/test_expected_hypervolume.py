"""Expected improvements against integration, and candidates by mutation."""

from __future__ import annotations

from itertools import pairwise

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from nas.samplers.expected_hypervolume import (
    box_decomposition,
    expected_hypervolume_improvement,
    expected_improvement,
)
from nas.samplers.observations import Compression
from nas.samplers.pool import mutated
from nas.samplers.product_space import ProductSpace
from search_space.space import SearchSpace
from search_space.space.parameters import INACTIVE
from tests.search_space.strategies import SPACE_FILES, examples

FRONTS = {
    "empty": [],
    "one": [[0.3, 0.5, 0.2, 0.6]],
    "several": [
        [0.1, 0.8, 0.3, 0.6],
        [0.2, 0.7, 0.6, 0.4],
        [0.4, 0.3, 0.5, 0.7],
        [0.7, 0.2, 0.1, 0.2],
    ],
    "equal losses": [[0.2, 0.8, 0.3, 0.2], [0.2, 0.3, 0.8, 0.2], [0.2, 0.5, 0.5, 0.9]],
    "beyond the reference": [[0.1, 1.2, 0.4, 0.3], [0.5, 0.5, 0.2, 0.4], [1.3, 0.1, 0.1, 0.1]],
}
"""Losses and three costs; those of fewer costs leave the last ones out."""

REFERENCE = 1.0


def front_of(name: str, costs: int) -> np.ndarray:
    """Its members that are not dominated ``[K, 1 + costs]``."""
    front = np.array(FRONTS[name]).reshape(-1, 4)[:, : 1 + costs]
    return front[moocore.is_nondominated(front)] if len(front) else front


def gained(front: np.ndarray, point: np.ndarray) -> float:
    """Hypervolume that a point adds."""
    reference = np.full(len(point), REFERENCE)

    def volume(points: np.ndarray) -> float:
        inside = points[(points < reference).all(axis=1)]
        return float(moocore.hypervolume(inside, ref=reference)) if len(inside) else 0.0

    return volume(np.vstack([front, point])) - volume(front)


@pytest.mark.parametrize("name", FRONTS)
@pytest.mark.parametrize("costs", [1, 2, 3])
def test_hypervolume_improvement_is_the_expectation_of_what_is_gained(
    name: str, costs: int
) -> None:
    """By integrating over the loss; one candidate has a member's costs, one is hopeless."""
    front = front_of(name, costs)
    reference = np.full(1 + costs, REFERENCE)
    rng = np.random.default_rng(3)
    known = rng.random((4, costs))
    known[1] = 1.1
    if len(front):
        known[2] = front[0, 1:]
    mean, deviation = rng.uniform(-0.2, 1.1, 4), rng.uniform(0.05, 0.5, 4)
    boxes = box_decomposition(front, reference)
    improvements = expected_hypervolume_improvement(mean, deviation, known, boxes, boxes.losses)
    levels = sorted({*front[:, 0].tolist(), REFERENCE})
    for index, cost in enumerate(known):
        belief = norm(mean[index], deviation[index])

        def weighted(loss: float, belief: norm = belief, cost: np.ndarray = cost) -> float:
            return belief.pdf(loss) * gained(front, np.array([loss, *cost]))

        low = mean[index] - 9 * deviation[index]
        ends = [low, *(level for level in levels if level > low)]
        expected = sum(
            quad(weighted, *part, epsabs=1e-8, epsrel=1e-6)[0] for part in pairwise(ends)
        )
        assert improvements[index] == pytest.approx(expected, abs=1e-7)
    assert improvements[1] == 0


def test_the_free_boxes_fill_what_a_large_front_leaves() -> None:
    """Cover three and four objectives; with two costs there are few boxes."""
    rng = np.random.default_rng(0)
    for costs in (2, 3):
        front = rng.random((120, 1 + costs))
        front = front[moocore.is_nondominated(front)]
        boxes = box_decomposition(front, np.ones(1 + costs))
        levels = np.append(0.0, boxes.losses)
        extents = boxes.upper - np.maximum(boxes.lower, 0)
        volume = ((levels[boxes.until] - levels[boxes.since]) * extents.prod(axis=1)).sum()
        covered = moocore.hypervolume(front, ref=np.ones(1 + costs))
        assert volume == pytest.approx(1 - covered, rel=1e-9)
        if costs == 2:
            assert len(boxes.since) <= 2 * len(front) + 1


def test_without_uncertainty_it_is_what_is_gained() -> None:
    front = front_of("several", 2)
    boxes = box_decomposition(front, np.full(3, REFERENCE))
    points = np.random.default_rng(1).random((20, 3))
    points[0] = front[1]
    improvements = expected_hypervolume_improvement(
        points[:, 0], np.zeros(20), points[:, 1:], boxes, boxes.losses
    )
    np.testing.assert_allclose(improvements, [gained(front, point) for point in points], atol=1e-12)
    assert improvements[0] == 0


@pytest.mark.parametrize("name", FRONTS)
def test_the_volume_may_be_by_another_scale_of_losses(name: str) -> None:
    """Against draws: losses are normal on one scale, and a member's distances count on the other.

    Between members and above the reference it is linear.
    """
    compression = Compression(0.2, 0.15)
    front = front_of(name, 1)
    boxes = box_decomposition(front, np.full(2, REFERENCE))
    levels = compression.undone(boxes.losses)
    best = min(boxes.losses)

    def rescaled(losses: np.ndarray) -> np.ndarray:
        above = np.interp(losses, boxes.losses, levels)
        return np.where(losses < best, losses - best + levels[0], above)

    mean, deviation, costs = np.array([0.3, 0.6]), np.array([0.2, 0.3]), np.array([[0.1], [0.6]])
    improvements = expected_hypervolume_improvement(mean, deviation, costs, boxes, levels)
    members = front[(front < REFERENCE).all(axis=1)].copy()
    members[:, 0] = rescaled(members[:, 0])
    reference = np.array([levels[-1], REFERENCE])
    present = moocore.hypervolume(members, ref=reference) if len(members) else 0.0
    rng = np.random.default_rng(0)
    for index, (cost,) in enumerate(costs):
        losses = rescaled(rng.normal(mean[index], deviation[index], 20_000))
        grown = [
            moocore.hypervolume(np.vstack([members, (loss, cost)]), ref=reference) - present
            for loss in losses
            if loss < reference[0]
        ]
        error = np.std(grown) * len(grown) ** 0.5 / len(losses)
        assert improvements[index] == pytest.approx(sum(grown) / len(losses), abs=5 * error + 1e-9)


@given(st.floats(-5, 5), st.floats(0, 3), st.lists(st.floats(-10, 10), min_size=1))
@examples(50)
def test_a_compression_can_be_undone(middle: float, scale: float, losses: list[float]) -> None:
    compression = Compression(middle, scale if scale > 0.1 else 0.0)
    compressed = compression(np.array(losses))
    assert (np.diff(compressed[np.argsort(losses)]) >= 0).all()
    assert (compressed <= np.array(losses) + 1e-12).all()
    np.testing.assert_allclose(compression.undone(compressed), losses, atol=1e-9)


@pytest.mark.parametrize("mean", [-1.0, 0.3, 0.5, 2.0])
@pytest.mark.parametrize("deviation", [0.0, 1e-3, 0.4])
def test_expected_improvement_is_the_expectation_of_what_is_below(
    mean: float, deviation: float
) -> None:
    improvement = expected_improvement(np.array(mean), np.array(deviation), np.array(0.5))
    if deviation == 0:
        assert improvement == max(0.5 - mean, 0)
        return
    low = min(mean, 0.5) - 10 * deviation
    expected, _ = quad(
        lambda loss: (0.5 - loss) * norm.pdf(loss, mean, deviation), low, 0.5, points=[mean]
    )
    assert improvement == pytest.approx(expected, abs=1e-9)


SEVERAL = ("digits", "mnasnet_imagenet")
SPACES = [SearchSpace.from_yaml(file) for file in SPACE_FILES if file.stem in SEVERAL]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@given(st.integers(0, 2**32 - 1))
@examples(4)
def test_mutations_are_candidates_one_choice_away(space: SearchSpace, seed: int) -> None:
    rng = np.random.default_rng(seed)
    parents = np.array([space.encode(space.sample(rng)) for _ in range(15)])
    before = parents.copy()
    children = mutated(space.parameters, parents, rng)
    np.testing.assert_array_equal(parents, before)
    np.testing.assert_array_equal(space.checked(children), children)  # inactive where it has to be
    for child in children[:3]:
        space.decode(child)
    was_and_is_active = (children != INACTIVE) & (parents != INACTIVE)
    assert (((children != parents) & was_and_is_active).sum(axis=1) == 1).all()


def test_a_parameter_without_a_choice_is_not_what_changes() -> None:
    space = ProductSpace("flat", {"one": ("a",), "two": (1, 2, 3), "three": (True,)})
    parents = np.zeros((50, 3), dtype=np.int64)
    children = mutated(space.parameters, parents, np.random.default_rng(0))
    assert set(children[:, 1]) == {1, 2}
    assert not children[:, [0, 2]].any()
