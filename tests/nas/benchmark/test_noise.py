"""Single trainings on a table: what a search sees, and what its figures are."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from nas.benchmark.csv_table import read_csv_table
from nas.benchmark.noise import Noise, parse_noise, single_trainings
from nas.benchmark.parallel import Job, replay_all
from nas.benchmark.results import Result, evaluations
from nas.benchmark.specs import parse_spec
from nas.benchmark.table import BenchmarkTable, TableError


def table_of(tmp_path: Path, *, unit: float = 100.0) -> BenchmarkTable:
    """A table of 27 rows with three trainings each."""
    path = tmp_path / "trained.csv"
    rows = [
        f"{a},{b},{c},{0.5 * unit + a + b:g},{0.5 * unit + a:g},{0.5 * unit + c:g},{1 + a + b + c}"
        for a, b, c in product(range(3), repeat=3)
    ]
    path.write_text("\n".join(["a,b,c,one,two,three,cost", *rows]))
    return read_csv_table(path, choices=["a", "b", "c"], maximise="one+two+three", minimise="cost")


def test_several_columns_are_trainings_of_which_the_mean_counts(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    assert table.trainings.shape == (27, 3)
    assert np.allclose(table.maximised, table.trainings.mean(axis=1))


def test_a_search_sees_one_training_of_each_row(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    seen = single_trainings(table, Noise(None), seed=3)
    assert (seen.maximised[:, None] == table.trainings).any(axis=1).all()
    assert not np.allclose(seen.maximised, table.maximised)
    again = single_trainings(table, Noise(None), seed=3)
    assert np.array_equal(seen.maximised, again.maximised)
    other = single_trainings(table, Noise(None), seed=4)
    assert not np.array_equal(seen.maximised, other.maximised)


def test_points_are_percentage_points_of_either_unit(tmp_path: Path) -> None:
    percent = table_of(tmp_path)
    fractions = BenchmarkTable(
        "fractions",
        rows=percent.rows,
        space=percent.space,
        maximised=percent.maximised / 100,
        minimised=percent.minimised,
        maximised_name="accuracy",
        minimised_name="cost",
        epochs=(1, 2),
        curves=np.stack([percent.maximised / 200, percent.maximised / 100], axis=1),
    )
    noise = Noise(2.0)
    of_percent = single_trainings(percent, noise, seed=0).maximised - percent.maximised
    seen = single_trainings(fractions, noise, seed=0)
    deviation = seen.maximised - fractions.maximised
    assert np.allclose(100 * deviation, of_percent)
    assert 1.0 < of_percent.std() < 3.0
    assert np.allclose(seen.curves - fractions.curves, deviation[:, None])
    with pytest.raises(TableError, match="has one accuracy a row"):
        single_trainings(fractions, Noise(None), seed=0)


@pytest.mark.parametrize("text", ["", "0", "-1", "inf", "nan", "training", "1,0"])
def test_other_noise_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="percentage points over 0, or 'trainings'"):
        parse_noise(text)


def test_noise_is_parsed() -> None:
    assert parse_noise("1.5") == Noise(1.5)
    assert parse_noise("trainings") == Noise(None)


def test_figures_are_by_the_true_values(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    ended: list[Result] = []
    job = Job(parse_spec("random"), parse_spec("none"), 0, 27, 1, Noise(30.0))
    replay_all(table, [job], processes=1, ended=ended, on_change=lambda: None)
    (result,) = ended
    assert sorted(evaluations(table, result.replay)[:, 0]) == pytest.approx(sorted(table.maximised))
