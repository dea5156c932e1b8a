"""Values that are not finite are refused wherever they would be compared."""

from __future__ import annotations

import gzip
import json
import math
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nas.benchmark.csv_table import read_csv_table
from nas.benchmark.statistics import Score
from nas.benchmark.table import BenchmarkTable, TableError
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.evaluation.evaluate import EvaluationResult, accuracy_by
from nas.samplers.known_costs import CostFunctions
from nas.samplers.product_space import ProductSpace
from nas.samplers.trials import CompletedTrial, Results
from nas.schedulers.promotion import Promotion
from nas.schedulers.ranking import best_first, place_of_last
from nas.search.warm_start import FILE, warm_start_of
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Task
from search_space.space import SearchSpace
from tests.hand_driven import HandDriven, problem_from
from tests.invented_latency import invented_latency
from trainers import Metrics

BAD = [math.nan, math.inf, -math.inf]
SPACE = ProductSpace("two", {"width": [1, 2], "depth": [1, 2]})
ROWS = [(1, 1), (1, 2), (2, 1), (2, 2)]
SPREAD = np.array([1.0, 2.0, 3.0, 4.0])

Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]


@pytest.mark.parametrize("bad", BAD)
def test_rungs_and_rankings(bad: float) -> None:
    losses = np.array([[0.1, 2.0], [bad, 1.0]])
    with pytest.raises(ValueError, match=rf"losses must be finite numbers, got {bad} at \[1, 0\]"):
        list(best_first(losses))
    with pytest.raises(ValueError, match="losses must be finite numbers"):
        place_of_last(losses)
    with pytest.raises(ValueError, match="losses must be finite"):
        Promotion([1], 2).report(0, 1, [bad])


def test_samplers_refuse_what_is_neither_good_nor_bad() -> None:
    """Infinitely bad is a place in an order; NaN is none."""
    results = Results(
        completed=[CompletedTrial((1, 1), (0.5, 1.0)), CompletedTrial((1, 2), (math.nan, 0.5))]
    )
    with pytest.raises(ValueError, match=r"losses must be numbers, got \(nan, 0.5\) of \(1, 2\)"):
        _ = results.losses


@pytest.mark.parametrize("bad", BAD)
def test_known_costs(bad: float) -> None:
    costs = CostFunctions(SPACE, {"weights": lambda row: bad if row[0] == 2 else 1.0})
    vectors = np.array([SPACE.encode(row) for row in ROWS])
    assert costs.of((1, 1)) == {"weights": 1.0}
    for ask in (lambda: costs.of((2, 1)), lambda: costs.columns(vectors)):
        with pytest.raises(ValueError, match=f"weights must be a finite number, got {bad}"):
            ask()


@pytest.mark.parametrize("what", ["maximised", "minimised", "more costs", "curves", "seconds"])
@pytest.mark.parametrize("bad", BAD)
def test_tables(what: str, bad: float) -> None:
    wrong = np.array([1.0, bad, 3.0, 4.0])
    with pytest.raises(TableError, match=r"row 2: .* must be finite|must be positive numbers"):
        BenchmarkTable(
            "t",
            rows=ROWS,
            space=SPACE,
            maximised=wrong if what == "maximised" else SPREAD,
            minimised=wrong if what == "minimised" else SPREAD,
            maximised_name="worth",
            minimised_name="cost",
            more_costs={"macs": wrong} if what == "more costs" else None,
            seconds=wrong if what == "seconds" else None,
            epochs=[1],
            curves=wrong[:, None] if what == "curves" else SPREAD[:, None],
        )


def test_scores_of_a_table() -> None:
    table = BenchmarkTable(
        "t",
        rows=ROWS,
        space=SPACE,
        maximised=SPREAD,
        minimised=SPREAD,
        maximised_name="worth",
        minimised_name="cost",
    )
    score, values = Score(table), np.array([[1.0, 1.0], [math.nan, 2.0]])
    with pytest.raises(ValueError, match="evaluations must be finite numbers, got nan"):
        score.hypervolumes(values)
    with pytest.raises(ValueError, match="evaluations must be finite numbers, got nan"):
        score.regrets(values)


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf", "", "1e999"])
def test_csv_files(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(f"a,acc,cost\nx,0.5,1\ny,{bad},2\n".encode()))
    with pytest.raises(TableError, match="line 3, column acc: must be a finite number"):
        read_csv_table(path, choices=["a"], maximise="acc", minimise="cost")


@pytest.mark.parametrize("bad", BAD)
def test_an_accuracy_that_is_none_fails_its_training(bad: float) -> None:
    metrics = Metrics(
        accuracy=0.5,
        top5=None,
        balanced_accuracy=bad,
        loss=1.0,
        calibration_error=0.1,
        images=9,
    )
    assert accuracy_by(metrics, "accuracy") == 0.5
    with pytest.raises(ValueError, match=f"balanced_accuracy must be a finite number, got {bad}"):
        accuracy_by(metrics, "balanced_accuracy")


@pytest.mark.parametrize("bad", BAD)
def test_a_measured_latency(bad: float) -> None:
    with pytest.raises(ValueError, match="latency_ms"):
        invented_latency(bad)


def test_a_ledger_takes_none_and_one_that_has_some_is_named(
    config_of: Callable[..., SearchConfig],
    start: Start,
    propose_from: Callable[..., HandDriven],
    small_space: SearchSpace,
) -> None:
    config = config_of(sampler={"name": "random"})
    run, ledger = start(config)
    with pytest.raises(ValueError, match="val_accuracy must be a finite number, got nan"):
        ledger.add(
            "repeats",
            next(small_space.architectures()),
            seed=1,
            metrics={"val_accuracy": math.nan},
            curve=[],
            device_seconds=1.0,
            recipe_id=config.proxy_id,
        )
    assert ledger.evaluations("repeats") == []
    proposals = propose_from(config, ledger)
    result = EvaluationResult({}, [], 1.0)
    proposals.complete(proposals.propose(), {"val_accuracy": 0.5, "params": 9.0}, result, None)
    with sqlite3.connect(run.ledger_file) as database:
        database.execute(
            "update trial_user_attributes set value_json = ? where key = 'metrics'",
            (json.dumps({"val_accuracy": math.nan, "params": 9.0}),),
        )
    with pytest.raises(RunError, match=r"ledger.db .*val_accuracy must be a finite number"):
        Ledger.open(config, run).evaluations("search")


def test_results_of_earlier_runs(
    config_of: Callable[..., SearchConfig],
    start: Start,
    small_space: SearchSpace,
    runs: Path,
    task: Task,
) -> None:
    config = config_of()
    run, _ = start(config)
    text = next(small_space.architectures()).canonical_json()
    kept = {"first": [], "earlier": [[text, [math.nan, 9.0], {}]]}
    (run.path / FILE).write_text(json.dumps(kept))
    with pytest.raises(RunError, match="must be finite numbers, got nan"):
        warm_start_of(run, config, task, problem_from(config, task), runs)
