"""``nas frontier --trained``: fully trained networks beside the front that proxies chose."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from nas.cli.commands.query.frontier import FrontQuery, show_frontier
from nas.cli.commands.query.trained_frontier import BELOW, by_proxies, in_full
from nas.cli.commands.train.retrain import run_retrain_command
from nas.cli.commands.train.trace import run_trace_command
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.evaluation.metric_names import OF_ACCURACY
from nas.storage.ledger import ledger_of
from nas.storage.run.data_file import note_images
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import load_data
from tests.nas.cli.conftest import Begin
from tests.nas.cli.trained_here import TrainedHere
from tests.nas.conftest import TINY_SPACE

Show = Callable[..., str]
BY_PROXIES, IN_FULL = by_proxies(OF_ACCURACY), in_full(OF_ACCURACY)


@pytest.fixture
def config(config_of: Callable[..., SearchConfig]) -> SearchConfig:
    return config_of(space=TINY_SPACE, sampler={"name": "random"})


@pytest.fixture
def searched(config: SearchConfig, begun: Begin) -> RunFolder:
    run, _ = begun(config, trials=4)
    note_images(run, [load_data(config).fingerprint])
    return run


@pytest.fixture
def show(searched: RunFolder, runs: Path) -> Show:
    def command(*, as_json: bool = True, **options: object) -> str:
        printed = io.StringIO()
        output = Output(file=printed, width=200, as_json=as_json)
        query = FrontQuery(**{key: options.pop(key) for key in ("x", "under") if key in options})
        show_frontier(output, [searched.name], runs, query, trained=True, **options)  # type: ignore[arg-type]
        return printed.getvalue()

    return command


def test_nothing_trained_is_one_clear_error(show: Show) -> None:
    with pytest.raises(CommandError, match=r"no network of run .* is trained in full: nas retrain"):
        show()


def test_both_fronts_are_told_and_drawn(
    show: Show, here: TrainedHere, searched: RunFolder, runs: Path, tmp_path: Path
) -> None:
    run_retrain_command(Output(file=io.StringIO()), searched.name, runs, pick="all", baseline=False)
    answer = json.loads(show(png=tmp_path / "both.png", html=tmp_path / "both.html"))
    _, ledger = ledger_of(searched)
    full = {row.arch_id: row.metrics["test_accuracy"] for row in ledger.evaluations("retrain")}
    by_family: dict[str, dict[str, float]] = {}
    for point in answer["points"]:
        by_family.setdefault(point["family"], {})[point["arch_id"]] = point["accuracy"]
    trained = by_family[IN_FULL] | by_family.get(BELOW, {})
    assert trained == pytest.approx(full)
    assert set(by_family[BY_PROXIES]) == set(full)  # all of the front were trained
    assert max(full.values()) == max(by_family[IN_FULL].values())
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")
    assert IN_FULL in (tmp_path / "both.html").read_text()
    assert "in full: " in show(as_json=False)


def test_trainings_of_a_trace_count_too(
    show: Show,
    here: TrainedHere,
    searched: RunFolder,
    config: SearchConfig,
    runs: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "search.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    trace = {
        "name": "traced",
        "title": "the front",
        "search_file": "search.yaml",
        "families": [{"name": "found", "run": searched.name}],
    }
    (tmp_path / "trace.yaml").write_text(yaml.safe_dump(trace))
    run_trace_command(Output(file=io.StringIO()), tmp_path / "trace.yaml", [], runs)
    answer = json.loads(show())
    trained = [point for point in answer["points"] if point["family"] in (IN_FULL, BELOW)]
    assert len(trained) == len(here.begun) > 0
    (runs / "traced").rename(tmp_path / "elsewhere")
    with pytest.raises(CommandError, match="is trained in full"):
        show()
