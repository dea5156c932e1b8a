"""The files and rows of a full training, with and without validation images."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from analysis.fidelity.ranks import compared, comparison_json, full_metrics, proxy_correlation
from analysis.fidelity.table import comparison_table
from nas.cli.commands.train.retrain_report import report_row, report_table
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.evaluation.full_training import Trained
from nas.evaluation.metric_names import OF_ACCURACY
from nas.search.problem import space_of
from nas.storage.candidates import candidates
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.networks.network_file import load_network
from nas.storage.networks.retraining import Retraining, full_trainings, pending
from nas.storage.provenance import Provenance
from nas.storage.run.folder import RunFolder
from nas.workflows.doctor.row_faults import faults_of
from search_space.architecture import Architecture, Task
from tests.nas.trained_in_full import trained_in_full
from trainers import Preprocessing

Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]
AVERAGED = {"epochs": 2, "batch_size": 16, "learning_rate": 0.1, "weight_average": {"decay": 0.9}}


def retrained(
    config: SearchConfig, run: RunFolder, ledger: Ledger, task: Task, architecture: Architecture
) -> tuple[Retraining, Trained, Evaluation]:
    (retraining,) = pending({architecture: Provenance()}, config, run, ledger)
    return retraining, *trained_in_full(retraining, config, ledger, task)


def strict(text: str) -> Any:
    def refused(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refused)


def test_the_report_says_what_was_measured_and_how(
    config_of: Callable[..., SearchConfig], start: Start, task: Task
) -> None:
    config = config_of(retrain=AVERAGED)
    run, ledger = start(config)
    architecture = next(space_of(config).architectures())
    retraining, trained, row = retrained(config, run, ledger, task, architecture)
    report = strict((retraining.folder / "report.json").read_text())
    assert report["test"]["accuracy"] == row.metrics["test_accuracy"]
    assert report["validation"]["accuracy"] == row.metrics["val_accuracy"]
    assert (report["validation"]["images"], report["train_on"]) == (100, "train")
    assert report["validation_beside"]["weights"] == "raw"
    assert report["weights"] == "averaged"
    confusion = report["test"]["confusion"]
    assert sum(map(sum, confusion)) == report["test"]["images"]
    right = sum(confusion[label][label] for label in range(10))
    assert right / report["test"]["images"] == pytest.approx(report["test"]["accuracy"])
    assert report["test"]["class_accuracies"][3] == confusion[3][3] / sum(confusion[3])
    assert 0 <= report["test"]["calibration_error"] <= 1
    assert report["class_names"] == list("0123456789")
    steps = Preprocessing.model_validate_json(json.dumps(report["preprocessing"]))
    assert steps == load_network(retraining.model_file).preprocessing == trained.preprocessing
    assert report["execution"]["precision"] == "float32"
    assert (report["groups_at_once"], report["seed"]) == (1, retraining.seed)
    with (retraining.folder / "curve.csv").open() as file:
        points = list(csv.DictReader(file))
    assert float(points[-1]["val_accuracy_raw"]) == report["validation_beside"]["accuracy"]
    assert float(points[-1]["val_accuracy"]) == report["validation"]["accuracy"]


def test_a_training_on_the_validation_images_has_no_validation_accuracy(
    config_of: Callable[..., SearchConfig], start: Start, task: Task
) -> None:
    config = config_of(retrain_data="train+validation")
    assert config.retrain_id != config_of().retrain_id == config_of(retrain_data="train").retrain_id
    run, ledger = start(config)
    space = space_of(config)
    architecture = next(space.architectures())
    retraining, trained, row = retrained(config, run, ledger, task, architecture)
    assert "val_accuracy" not in row.metrics
    assert row.metrics["test_accuracy"] == trained.test.metrics.accuracy
    assert pending({architecture: Provenance()}, config, run, ledger) == []
    report = strict((retraining.folder / "report.json").read_text())
    assert (report["validation"], report["train_on"]) == (None, "train+validation")
    record = load_network(retraining.model_file).record
    assert record is not None
    assert (record.accuracies.validation, record.train_on) == (None, "train+validation")
    assert not (run.retrain_folder / "examples").exists()

    full = full_trainings(config, ledger)
    shown = report_row([], full, task, architecture, "found", config.retrain_data)
    assert (shown["val_accuracy"], shown["n"]) == (None, 1)
    assert shown["test_accuracy"] == row.metrics["test_accuracy"]
    assert strict(json.dumps(shown)) == shown
    printed = io.StringIO()
    Output(file=printed).show(report_table([shown], OF_ACCURACY))
    assert "trained in full on train and validation images" in printed.getvalue()

    (trial,) = ledger.trials("retrain")
    assert faults_of(row, trial, config, space, task) == []


def test_proxies_compare_with_trainings_that_were_only_tested(
    config_of: Callable[..., SearchConfig],
    in_memory: Callable[[SearchConfig], Ledger],
    costs: Callable[[Architecture], Any],
) -> None:
    config = config_of(retrain_data="train+validation")
    ledger = in_memory(config)
    architectures = [a for a, _ in zip(space_of(config).architectures(), range(4), strict=False)]
    for place, architecture in enumerate(architectures):
        own = costs(architecture).metrics()
        for kind, recipe, metrics in (
            ("baselines", config.proxy_id, {"val_accuracy": 0.5 + place / 10}),
            ("retrain", config.retrain_id, {"test_accuracy": 0.6 + place / 10}),
        ):
            ledger.add(
                kind,
                architecture,
                seed=0,
                metrics=metrics | own,
                curve=[{"epoch": 2, "val_accuracy": metrics.get("val_accuracy")}],
                device_seconds=1.0,
                recipe_id=recipe,
            )
    proxies = {"plain": candidates(ledger.evaluations("baselines"))}
    pairs = compared(proxies, candidates(full_trainings(config, ledger)))
    assert [pair.full.architecture for pair in pairs] == architectures[::-1]
    assert full_metrics(pairs) == ["test_accuracy"]
    assert proxy_correlation(pairs, "test_accuracy").kendall_tau == pytest.approx(1)
    (*_, last) = comparison_json(pairs)
    assert (last["full_val_accuracy"], last["test_accuracy"]) == (None, 0.6)
    assert comparison_table(pairs).row_count == 4
