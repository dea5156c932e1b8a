"""Each command over a search of detectors says mAP, in tables, JSON and files."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from nas.cli.commands.query.certainty import show_certainty
from nas.cli.commands.query.diff import show_diff
from nas.cli.commands.query.explain import show_explanation
from nas.cli.commands.query.frontier import FrontQuery, show_frontier
from nas.cli.commands.query.report import write_report
from nas.cli.commands.search.front_report import report_search
from nas.cli.commands.search.status import read_status, show_status
from nas.cli.commands.search.watch import _screen
from nas.cli.commands.tools.fidelity import show_fidelity
from nas.cli.commands.train.ablate import run_ablate_command
from nas.cli.commands.train.retrain import run_retrain_command
from nas.cli.commands.train.trace import run_trace_command
from nas.cli.commands.train.train import run_train_command
from nas.cli.commands.upkeep.archive import run_archive_command
from nas.cli.output import Output
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.evaluation.evaluate import EvaluationResult
from nas.storage.ledger import ledger_of
from nas.storage.run.data_file import note_images
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import load_data
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from tests.hand_driven import HandDriven
from tests.nas.cli.conftest import Begin
from tests.nas.cli.trained_here import TrainedHere
from tests.nas.conftest import recording
from tests.nas.tiny_detectors import SEARCH, TASK
from tests.nas.words_of_detectors import wrong_words

Said = Callable[..., str]

TRIALS = 12  # the fewest that are explained
OVERRIDES = [f"search.n_trials={TRIALS}"]


@pytest.fixture
def task() -> Task:
    return TASK


@pytest.fixture
def propose_from(task: Task) -> Callable[..., HandDriven]:
    return lambda config, ledger: HandDriven(config, ledger, task)


@pytest.fixture
def finish(trained: Callable[..., EvaluationResult], task: Task) -> Callable[..., None]:
    return recording(trained, lambda architecture: network_costs(architecture, task))


@pytest.fixture
def search_file(tmp_path: Path) -> Path:
    file = tmp_path / "boxes.yaml"
    file.write_text(yaml.safe_dump(SEARCH | {"retrain_seeds": 2}))
    return file


@pytest.fixture
def config(search_file: Path) -> SearchConfig:
    return load_config(search_file, OVERRIDES)


@pytest.fixture
def searched(config: SearchConfig, begun: Begin) -> RunFolder:
    run, ledger = begun(config, trials=TRIALS)
    note_images(run, [load_data(config).fingerprint])
    ledger.close()
    return run


@pytest.fixture
def said(searched: RunFolder, runs: Path) -> Said:
    """Give a command of one run; return what it prints, after a look at its words."""

    def command(
        show: Callable[..., Any], *names: Any, as_json: bool = False, **options: Any
    ) -> str:
        printed = io.StringIO()
        output = Output(file=printed, width=200, as_json=as_json)
        show(output, *(names or (searched.name, runs)), **options)
        text = printed.getvalue()
        assert text
        assert wrong_words(text) == []
        return text

    return command


def test_the_front_and_the_state_say_map(searched: RunFolder, said: Said, runs: Path) -> None:
    def frontier(output: Output, name: str, runs: Path, **options: Any) -> None:
        show_frontier(output, [name], runs, FrontQuery(), **options)

    page = runs / "front.html"
    table = said(frontier, html=page, png=runs / "front.png")
    assert "Pareto front: val_map against params" in table
    assert re.search(r"mAP%", table)
    assert "validation mAP" in page.read_text()
    front = json.loads(said(frontier, as_json=True))
    assert front["y"] == "val_map"
    assert all(0 < each["val_map"] < 1 for each in front["members"])

    def by_name(output: Output, name: str, runs: Path, *, y: str) -> None:
        show_frontier(output, [name], runs, FrontQuery(y=y))

    assert json.loads(said(by_name, as_json=True, y="val_map")) == front
    with pytest.raises(CommandError, match="--y cannot be 'val_ap50': the run has val_map"):
        said(by_name, y="val_ap50")
    assert "| val mAP % |" in said(frontier, text="markdown")
    (first, *_) = csv.DictReader(io.StringIO(said(frontier, text="csv")))
    assert float(first["val_map"]) == front["members"][0]["val_map"]
    status = json.loads(said(show_status, as_json=True))
    assert status["metric"] == "average_precision"
    assert status["best"]["map"].startswith("mAP ")
    assert "best: mAP " in said(show_status)
    shown = io.StringIO()
    Output(file=shown).show(_screen(read_status(searched)))
    assert "val mAP" in shown.getvalue()
    assert wrong_words(shown.getvalue()) == []


def test_the_end_of_a_search_says_map(searched: RunFolder, said: Said) -> None:
    config, ledger = ledger_of(searched)
    printed = said(report_search, searched, config, ledger)
    assert "worst values seen (mAP " in printed
    assert "mAP%" in printed
    assert '"val_map"' in (searched.path / "front.json").read_text()
    assert wrong_words((searched.path / "front.json").read_text()) == []


def test_differences_and_explanations_say_map(said: Said) -> None:
    def steps(output: Output, name: str, runs: Path) -> None:
        show_diff(output, [name], runs)

    assert "mAP, %" in said(steps)
    assert "val_map" in json.loads(said(steps, as_json=True))["steps"][0]
    chosen: dict[str, Any] = {"equal": "params", "png": None}
    assert "mAP%" in said(show_explanation, **chosen)
    explained = json.loads(said(show_explanation, as_json=True, **chosen))
    assert "map_share" in explained["parameters"][0]
    sure: dict[str, Any] = {"x": "params", "y": "val_accuracy", "under": "", "spend": None}
    assert "draws of their values of mAP" in said(show_certainty, **sure, do=False)


def test_full_trainings_and_their_report_say_map(
    searched: RunFolder,
    said: Said,
    runs: Path,
    here: TrainedHere,
    search_file: Path,
    tmp_path: Path,
) -> None:
    chosen, other = _without_attention(searched)[:2]
    table = said(run_retrain_command, pick=chosen.arch_id, baseline=True)
    for heading in ("proxy validation mAP", "validation mAP", "test mAP"):
        assert heading in table
    rows = json.loads((searched.path / "retrain.json").read_text())
    assert [row["kind"] for row in rows] == ["found", "plain convolution"]
    assert all(0 <= row["test_map"] <= 1 for row in rows)
    assert abs(rows[1]["params"] / rows[0]["params"] - 1) < 0.1  # of equal size

    file = tmp_path / "other.json"
    file.write_text(other.canonical_json())
    assert "test mAP" in said(run_train_command, str(file), search_file, OVERRIDES, runs, seeds=1)

    page = tmp_path / "report.html"
    report = json.loads(said(write_report, [searched.name], runs, html=page, as_json=True))
    assert "highest in mAP" in json.dumps(report["answers"])
    assert _wrong_of_page(page) == []

    assert "test mAP" in said(show_fidelity, curves=False, plot=tmp_path / "fidelity.png")
    correlations = json.loads(said(show_fidelity, curves=False, plot=None, as_json=True))
    assert "test_map" in correlations["proxy"]

    def trained_front(output: Output, name: str, runs: Path) -> None:
        show_frontier(output, [name], runs, FrontQuery(), trained=True)

    assert "front in full, test mAP" in said(trained_front)
    archive = searched.name, tmp_path / "archive", runs
    run_archive_command(Output(file=io.StringIO()), *archive)
    assert (tmp_path / "archive" / "retrain.json").is_file()


@pytest.mark.slow
def test_ablations_and_traces_say_map(
    searched: RunFolder,
    said: Said,
    runs: Path,
    here: TrainedHere,
    search_file: Path,
    tmp_path: Path,
) -> None:
    (chosen, *_) = _without_attention(searched)
    ablated = json.loads(said(run_ablate_command, pick=chosen.arch_id, as_json=True))
    assert 0 <= ablated["original"]["test_map"] <= 1
    assert {"pyramid", "heads"} <= {each["place"] for each in ablated["comparisons"]}
    (stem,) = (file.with_suffix("") for file in searched.path.glob("ablation-*.json"))
    assert wrong_words(stem.with_suffix(".md").read_text()) == []

    (tmp_path / "chosen.json").write_text(chosen.canonical_json())
    of_run = {"name": "found", "run": searched.name}
    families = [{"name": "chosen", "networks": ["chosen.json"]}, of_run]
    trace = {"name": "traced", "title": "detectors", "search_file": str(search_file)}
    file = tmp_path / "trace.yaml"
    file.write_text(yaml.safe_dump(trace | {"families": families}))
    traced = json.loads(said(run_trace_command, file, OVERRIDES, runs, as_json=True))
    assert (traced["map"], traced["map_label"]) == ("test_map", "test mAP")
    (header, *_) = (runs / "traced" / "trace.csv").read_text().splitlines()
    assert "test_map" in header.split(",")

    page = tmp_path / "report.html"
    for name in (searched.name, "traced"):
        said(write_report, [name], runs, html=page)
        assert _wrong_of_page(page) == []
    assert "test mAP" in page.read_text()


def _without_attention(run: RunFolder) -> list[Architecture]:
    """Return a run's networks without attention, whose kernels are compiled in the first use."""
    _, ledger = ledger_of(run)
    searched = [row.architecture for row in ledger.evaluations("search")]
    return [each for each in searched if "conv1" in str(each) and "attn" not in str(each)]


def _wrong_of_page(page: Path) -> list[str]:
    """Look at what a page shows, without its scripts and the configuration, whose keys stay."""
    shown = re.sub(r"<(script|style|pre)\b.*?</\1>", "", page.read_text(), flags=re.DOTALL)
    return wrong_words(shown)
