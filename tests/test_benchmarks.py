"""The benchmarks run as their heads say, and fail where they should."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import search_space.cost
from search_space.counts import Counts

ROOT = Path(__file__).parents[1]
COSTS = ROOT / "benchmarks" / "costs.py"


def test_costs(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    command = [sys.executable, str(COSTS), "--quick", "--json", str(file)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    # It fails where the closed form and fvcore do not count the same.
    assert (done.returncode, done.stderr) == (0, "")

    figures = json.loads(file.read_text())
    assert list(figures) == ["machine", "speed", "memory"]
    assert set(figures["machine"]) == {
        *("cpu_model", "cpu_architecture", "cores", "threads_used", "operating_system"),
        *("python_version", "torch_version"),
    }
    assert all(figures["machine"].values())
    for row in figures["speed"]:
        assert set(row) == {
            *("space", "image", "fvcore_ms", "closed_form_us", "fvcore_over_closed_form"),
            *("population_first_architectures_per_s", "population_again_architectures_per_s"),
            *("fvcore_over_population_first", "n_fvcore", "n_closed_form", "n_population"),
        }
        assert row["space"] in done.stdout
        assert all(value > 0 for key, value in row.items() if key not in {"space", "image"})
    for row in figures["memory"]:
        assert set(row) == {
            *("space", "image", "mean_absolute_error_percent", "rank_correlation", "n_networks"),
            *("least_ratio", "median_ratio", "most_ratio"),
        }
        assert row["least_ratio"] <= row["median_ratio"] <= row["most_ratio"]
    spaces = [[row["space"] for row in figures[part]] for part in ("speed", "memory")]
    assert spaces[0] == spaces[1]
    assert len(spaces[0]) == len(set(spaces[0])) > 1


def test_costs_fail_where_fvcore_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_space.cost, "count_module", lambda model, shape: Counts(1, 2, 3))
    speed = runpy.run_path(str(COSTS))["speed"]
    with pytest.raises(SystemExit, match=r"digits: .*fvcore counts Counts"):
        speed("digits", traced=1, population=1)
