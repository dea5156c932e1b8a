"""The benchmark of latency tables reports the errors of the networks that it lists."""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import yaml

from search_space.cost.latency_record import DeviceBusy, LatencySettings

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SPACE = {
    "name": "tiny",
    "expansion": 2,
    "stem": {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": [4, 8]},
    "stages": [{"depth": [1, 2, 3], "width": [4, 8], "primitive": {"type": "conv"}}],
}


@pytest.mark.slow
def test_the_error_of_a_small_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    benchmark = importlib.import_module("latency_table")
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(SPACE))
    monkeypatch.setattr(benchmark, "SPACES", tmp_path)
    monkeypatch.setattr(benchmark, "IMAGES", {"tiny": (1, 8, 8)})
    monkeypatch.setattr(benchmark, "ARCHITECTURES", 2)  # of the twelve, ten are fitted to
    row = None
    while row is None:
        with suppress(DeviceBusy):  # other tests may run: gone on with
            row = benchmark.error_of("tiny", LatencySettings(warmup=1, repeats=3), tmp_path)
    networks = row["networks"]
    assert len({network["arch_id"] for network in networks}) == row["n"] == 2
    predicted, first, again = (
        np.array([network[name] for network in networks])
        for name in ("predicted_ms", "measured_ms", "measured_again_ms")
    )
    assert row["mean_error_percent"] == pytest.approx(100 * np.abs(predicted / first - 1).mean())
    assert row["again_error_percent"] == pytest.approx(100 * np.abs(again / first - 1).mean())
    assert row["rank_correlation"] in (pytest.approx(1), pytest.approx(-1))
