"""The benchmark of stopping early counts what it says, and runs."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from nas.config_file import load_config
from tests.analysis.invented import evaluation

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "multi_fidelity.py"


def test_epochs_of_all_trials_and_the_front_of_the_complete_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    benchmark = importlib.import_module("multi_fidelity")
    error, params = benchmark.WORST

    def trial(index: int, share: float, epochs: int, accuracy: float | None = None) -> object:
        """An evaluation of a network with this share of the reference's parameters."""
        curve = [{"epoch": epoch, "val_accuracy": 0.99} for epoch in range(1, epochs + 1)]
        if accuracy is None:
            return evaluation(index, accuracy, curve=curve)
        metrics = {"val_accuracy": accuracy, "params": share * params}
        return evaluation(index, accuracy, curve=curve, metrics=metrics)

    trials = [
        trial(0, 0.5, 4, 1 - error / 2),
        trial(1, 0.75, 4, 1 - error / 4),
        trial(2, 0.9, 4, 1 - error),  # on the box's side: adds nothing
        trial(3, 0.1, 2),  # stopped, so its accuracy is no result
    ]
    repeats = [trial(1, 0.75, 4, 1 - error / 2)]  # by both seeds it is worth less
    row = benchmark.figures(load_config(benchmark.SEARCH), trials, repeats)
    assert row["by_first_seed"] == pytest.approx(0.5 * 0.5 + 0.25 * 0.25)
    assert row["hypervolume"] == pytest.approx(0.5 * 0.5 + 0.25 * 0.125)
    assert (row["trials"], row["complete"], row["stopped"]) == (4, 3, 1)
    assert (row["epochs"], row["with_repeats"]) == (14, 18)
    mean = benchmark.mean_of([row, row | {"hypervolume": row["hypervolume"] + 0.02}])
    assert mean["hypervolume"] == pytest.approx(row["hypervolume"] + 0.01)
    assert mean["±"] == pytest.approx(0.01)


@pytest.mark.slow
@pytest.mark.ray
def test_the_whole_script(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(file.read_text())
    none, asha = figures["searches"]
    assert (none["stopped"], none["epochs"]) == (0, 4 * none["trials"])
    assert 0 < asha["stopped"] < asha["trials"]
    assert asha["epochs"] < 4 * asha["trials"]
