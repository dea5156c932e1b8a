"""A table of invented trainings, on which a search has something to find."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from nas.benchmark.table import BenchmarkTable, space_of_rows


def invented_table(
    seconds: Sequence[float] | None = None, epochs: Sequence[int] = ()
) -> BenchmarkTable:
    """Return 108 rows of four choices: more is better and dearer, with exceptions.

    Args:
        seconds: the times of the trainings; a constant hour where they are not given.
        epochs: evaluated epochs; a curve approaches its end evenly.
    """
    rows = [tuple(map(str, row)) for row in product(range(4), range(3), range(3), range(3))]
    choices = np.array([[int(value) for value in row] for row in rows], dtype=float)
    worth = choices @ (3, 2, 1, 0.5) - 0.4 * choices[:, 0] ** 2 + 0.3 * np.sin(7 * choices[:, 1])
    worth = 0.5 + worth / 20
    return BenchmarkTable(
        "invented",
        rows=rows,
        space=space_of_rows("invented", ["a", "b", "c", "d"], rows),
        maximised=worth,
        minimised=100 + choices @ (40, 20, 10, 5),
        maximised_name="val_accuracy",
        minimised_name="params",
        seconds=np.full(len(rows), 3600.0) if seconds is None else np.asarray(seconds),
        epochs=epochs,
        curves=np.outer(worth, np.array(epochs) / epochs[-1]) if epochs else None,
    )
