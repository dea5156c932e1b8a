"""The benchmark of stopping early counts what it says, and runs."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nas.config.files import load_config
from nas.evaluation.evaluate import EvaluationResult
from nas.ray.cluster.connection import Cluster
from nas.storage.candidates import candidates, pareto_front
from nas.storage.evaluation import Evaluation
from search_space.architecture import Architecture
from tests.analysis.invented import evaluation

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "multi_fidelity.py"


def test_epochs_of_all_trials_and_the_front_by_further_seeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    benchmark = importlib.import_module("multi_fidelity")
    error, params = benchmark.WORST

    def trial(index: int, share: float, epochs: int, accuracy: float | None = None) -> Evaluation:
        """An evaluation of a network with this share of the reference's parameters."""
        curve = [{"epoch": epoch, "val_accuracy": 0.99} for epoch in range(1, epochs + 1)]
        if accuracy is None:
            return evaluation(index, accuracy, curve=curve)
        metrics = {"val_accuracy": accuracy, "params": share * params}
        return evaluation(index, accuracy, curve=curve, metrics=metrics)

    trials = [
        trial(0, 0.5, 4, 1 - error / 2),
        trial(1, 0.75, 4, 1 - error / 4),
        trial(2, 0.9, 4, 1 - error),  # dominated
        trial(3, 0.1, 2),  # stopped, so its accuracy is no result
    ]
    config = load_config(benchmark.SEARCH)
    cluster = Cluster(config.ray)  # not connected: nothing runs on it
    front = pareto_front(candidates(trials), config.objectives)
    errors = {0.5 * params: [0.5, 0.5], 0.75 * params: [0.2, 0.8]}  # as good, and one costs more

    def evaluate(
        jobs: list[tuple[Architecture, int]], *_: Any, **__: Any
    ) -> list[tuple[tuple[Architecture, int], EvaluationResult]]:
        """Each front's member with two seeds, one of which is lucky."""
        size_of = {member.architecture: member.metrics["params"] for member in front}
        assert sorted(seed for _, seed in jobs) == [5, 5, 6, 6]
        accuracies = [1 - error * errors[size_of[network]][seed - 5] for network, seed in jobs]
        results = [EvaluationResult({"val_accuracy": each}, [], 0.0) for each in accuracies]
        return list(zip(jobs, results, strict=True))

    monkeypatch.setattr(benchmark, "evaluate_on_cluster", evaluate)
    again = benchmark.evaluated_again(config, [front, front[:1]], [5, 6], cluster)
    assert list(again.values()) == pytest.approx([1 - error / 2] * 2)
    row = benchmark.figures(config, trials, front, again)
    assert row["as_found"] == pytest.approx(0.5 * 0.5 + 0.25 * 0.25)
    assert row["with_other_seeds"] == pytest.approx(0.5 * 0.5)
    assert row["best_as_found"] == pytest.approx(1 - error / 4)
    assert (row["trials"], row["complete"], row["stopped"], row["epochs"]) == (4, 3, 1, 14)
    better = row | {"as_found": row["as_found"] + 0.02}
    mean = benchmark.mean_of([row, better])
    assert mean["as_found"] == pytest.approx(row["as_found"] + 0.01)
    pairs = [[row | {"scheduler": "none"}, each | {"scheduler": "asha"}] for each in (row, better)]
    gain = benchmark.difference_of([each for pair in pairs for each in pair], "as_found")
    assert gain == {
        "measure": "as_found",
        "asha - none": pytest.approx(0.01),
        "±": pytest.approx(0.01),
    }
    monkeypatch.setattr(
        benchmark, "evaluate_on_cluster", lambda jobs, *_, **__: [(jobs[0], "it raised")]
    )
    with pytest.raises(SystemExit, match="evaluating a front failed: it raised"):
        benchmark.evaluated_again(config, [front], [5, 6], cluster)


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
    assert [mean["share_of_epochs"] for mean in figures["means"]] == [
        1,
        asha["epochs"] / none["epochs"],
    ]
    assert [gain["asha - none"] for gain in figures["differences"]] == [
        asha[measure] - none[measure] for measure in ("as_found", "with_other_seeds")
    ]
