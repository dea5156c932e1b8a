"""The luck of single trainings: a search on a table sees them, its figures are by the truth.

Legend: N rows, E evaluated epochs, T trainings a row.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import moocore
import numpy as np

from nas.benchmark.statistics import Score
from nas.benchmark.table import BenchmarkTable, TableError
from nas.random_streams import Stream, generator

TRAININGS = "trainings"


class Noise(NamedTuple):
    """The deviation of a single training's result from its architecture's mean."""

    points: float | None
    """The standard deviation in percentage points; None for the deviation of one of the row's
    trainings, drawn at random."""


def parse_noise(text: str) -> Noise:
    """Parse percentage points, such as ``1.0``, or ``trainings``.

    Raises:
        ValueError: the text is something else, or the points are not positive and finite.
    """
    if text.strip() == TRAININGS:
        return Noise(None)
    try:
        points = float(text)
    except ValueError:
        points = math.nan
    if not (math.isfinite(points) and points > 0):
        raise ValueError(f"must be percentage points over 0, or {TRAININGS!r}, got {text!r}")
    return Noise(points)


def single_trainings(table: BenchmarkTable, noise: Noise, seed: int) -> BenchmarkTable:
    """Return the table as a search sees it whose every training is a single one.

    A row deviates by the same for every sampler with this seed. Its whole curve does: a lucky
    training is so at each epoch.

    Args:
        table: the truth.
        noise: the deviations to draw.
        seed: of the draws.

    Raises:
        TableError: the table has fewer than two trainings a row, of which one is to be drawn.
    """
    rng = generator(seed, Stream.TABLE_NOISE)
    if noise.points is not None:
        deviations = noise.points * table.point * rng.standard_normal(len(table.rows))
    else:
        check_trainings(table)
        drawn = rng.integers(table.trainings.shape[1], size=len(table.rows))
        deviations = table.trainings[np.arange(len(table.rows)), drawn] - table.maximised
    return table.with_results(table.maximised + deviations, table.curves + deviations[:, None])


def shown_share(
    score: Score, truth: BenchmarkTable, seen: BenchmarkTable, rows: np.ndarray
) -> float:
    """Return the true hypervolume, a share of the whole, of the front that a search sees.

    Args:
        score: of the truth.
        truth: the table.
        seen: what the search saw of it.
        rows: that were evaluated, in order.
    """
    front = rows[moocore.is_nondominated(seen.losses[rows])]
    figures = np.stack([truth.maximised[front], truth.minimised[front]], axis=1)
    return float(score.hypervolumes(figures)[-1])


def check_trainings(table: BenchmarkTable) -> None:
    """Raise unless the table has several trainings a row.

    Raises:
        TableError: it has not.
    """
    if table.trainings.shape[1] < 2:
        raise TableError(
            f"{table.name}: has one {table.maximised_name} a row; noise by trainings needs several"
        )
