"""Noise from seed to seed and spread between architectures, by their definitions."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from analysis.noise import pooled_deviation, quartile_range, seed_noise, spread
from nas.benchmark.csv_table import read_cells
from nas.cli.commands.tools.benchmark_source import SHIPPED
from nas.storage.evaluation import Evaluation
from tests.analysis.invented import architectures, evaluation


def evaluated(index: int, own: float, *fresh: float) -> list[Evaluation]:
    """A search's own evaluation of architecture ``index``, and fresh ones."""
    repeats = [
        evaluation(index, value, kind="repeats", seed=1 + i) for i, value in enumerate(fresh)
    ]
    return [evaluation(index, own), *repeats]


def test_seed_noise_is_pooled_by_degrees_of_freedom() -> None:
    rows = [
        *evaluated(0, 0.5, 0.90, 0.92),  # squares about their mean: 0.0002, 1 degree of freedom
        *evaluated(1, 0.80, 0.84, 0.88),  # of the random sample: 0.0032, 2 degrees of freedom
        *evaluated(2, 0.1, 0.2),  # one fresh evaluation says nothing
        evaluation(3, 0.3),
    ]
    noise = seed_noise(rows, {architectures(2)[1]})
    assert noise is not None
    assert noise.deviation == pytest.approx(math.sqrt((0.0002 + 0.0032) / 3))
    assert (noise.degrees_of_freedom, noise.architectures) == (3, 2)
    assert seed_noise(rows[-1:], set()) is None
    assert seed_noise([], set()) is None


def test_the_evaluation_that_chose_a_member_is_no_noise() -> None:
    """It was selected for being high; that of the random sample was not selected."""
    rows = evaluated(0, 0.99, 0.70, 0.72)
    as_member = seed_noise(rows, set())
    as_sample = seed_noise(rows, {architectures(1)[0]})
    assert as_member is not None
    assert as_sample is not None
    assert as_member.deviation == pytest.approx(0.02 / math.sqrt(2))
    assert as_sample.deviation == pytest.approx(np.std([0.99, 0.70, 0.72], ddof=1))


def test_the_pooled_deviation_of_normal_noise_is_unbiased() -> None:
    """The median of deviations of three would be 0.83 of the true one."""
    groups = np.random.default_rng(0).normal(0.9, 0.03, (20_000, 3))
    noise = pooled_deviation(groups)
    assert noise is not None
    assert noise.deviation == pytest.approx(0.03, rel=0.01)
    assert np.median(groups.std(1, ddof=1)) == pytest.approx(0.83 * 0.03, rel=0.02)


def test_the_noise_of_the_table_that_ships() -> None:
    table = read_cells(Path(SHIPPED))
    names = [name for name in table.header if name.startswith("val_accuracy_seed")]
    seeds = np.array([table.numbers(name) for name in names if "epoch" not in name]).T
    assert seeds.shape == (480, 3)
    noise = pooled_deviation(seeds)
    assert noise is not None
    assert round(100 * noise.deviation, 2) == 3.35
    assert noise.degrees_of_freedom == 960


def test_noise_of_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="accuracies must be finite numbers, got nan"):
        seed_noise(evaluated(0, 0.5, math.nan, 0.5), set())


def test_spread_is_over_the_first_evaluation_of_each() -> None:
    rows = [
        evaluation(3, None),  # pruned
        evaluation(0, 0.7),
        evaluation(1, 0.8),
        evaluation(2, 0.9),
        evaluation(0, 0.1, kind="repeats", number=0),
    ]
    assert spread(rows) == pytest.approx(0.1)
    assert spread(rows[:2]) is None
    assert spread([]) is None


def test_the_quartile_range_is_over_the_first_evaluation_of_each() -> None:
    rows = [evaluation(index, accuracy) for index, accuracy in enumerate((0.1, 0.8, 0.8, 0.9, 0.9))]
    assert quartile_range([*rows, evaluation(0, 0.99)]) == pytest.approx(0.1)
    assert quartile_range(rows[:1]) is None
