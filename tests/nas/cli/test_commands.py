"""Options that commands refuse before they do anything."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import WorkerCrashedError
from typer.testing import CliRunner

from nas.cli.application import app
from nas.cli.commands.picture_files import check_ending
from nas.cli.commands.query.frontier import FrontQuery, show_frontier
from nas.cli.commands.train import full_trainings
from nas.cli.commands.train import retrain as retrain_command
from nas.cli.commands.train.retrain import run_retrain_command
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.evaluation.evaluate import EvaluationResult
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture, Task
from tests.hand_driven import costs_from

Begun = tuple[RunFolder, Ledger]


@pytest.fixture
def output() -> Output:
    return Output(file=io.StringIO())


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.b.png", "folder.jpg/a.png"])
def test_a_picture_named_for_its_format_is_taken(name: str) -> None:
    check_ending("--png", Path(name), ".png")
    check_ending("--png", None, ".png")


@pytest.mark.parametrize(
    ("png", "html", "message"),
    [
        ("front.jpg", None, "--png must end in .png, got 'front.jpg'"),
        ("front", "front.html", "--png must end in .png, got 'front'"),
        ("front.png", "front.png", "--html must end in .html, got 'front.png'"),
    ],
)
def test_a_front_is_drawn_into_files_named_for_their_format(
    output: Output, runs: Path, png: str | None, html: str | None, message: str
) -> None:
    with pytest.raises(CommandError) as caught:
        show_frontier(
            output,
            ["first"],
            runs,
            FrontQuery(),
            png=Path(png) if png else None,
            html=Path(html) if html else None,
        )
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--json"], "--json goes with --dry-run only"),
        (["--dry-run", "--again"], "--dry-run excludes --resume, --again and --resume-or-start"),
        (["--resume", "--again"], "--resume, --again and --resume-or-start exclude each other"),
    ],
)
def test_options_that_exclude_each_other_are_one_message(options: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["search", "none.yaml", *options])
    assert isinstance(done.exception, CommandError)
    assert str(done.exception) == message


def test_peak_memory_is_worked_out_where_it_is_asked_for(
    config_of: Callable[..., SearchConfig],
    begun: Callable[..., Begun],
    task: Task,
    runs: Path,
) -> None:
    config = config_of(retrain={"epochs": 2, "batch_size": 64, "learning_rate": 0.1})
    run, _ = begun(config, trials=5)

    def asked(*, x: str, under: str) -> list[dict[str, Any]]:
        printed = io.StringIO()
        show_frontier(
            Output(as_json=True, file=printed),
            [run.name],
            runs,
            FrontQuery(x=x, under=under),
        )
        members: list[dict[str, Any]] = json.loads(printed.getvalue())["members"]
        return members

    front = asked(x="peak_memory_mb", under="")
    costs = costs_from(config, task, with_memory=True)
    for member in front:
        architecture = Architecture.from_json(json.dumps(member["architecture"]))
        assert member["metrics"]["peak_memory_mb"] == costs.of(architecture)["peak_memory_mb"]
    least = front[0]["metrics"]["peak_memory_mb"]
    assert len(asked(x="params", under=f"peak_memory_mb={least}")) == 1
    with pytest.raises(CommandError, match="no evaluated architecture with params under peak"):
        asked(x="params", under=f"peak_memory_mb={least / 2}")


def test_evaluations_whose_workers_died_are_one_message(
    monkeypatch: pytest.MonkeyPatch,
    config_of: Callable[..., SearchConfig],
    begun: Callable[..., Begun],
    trained: Callable[..., EvaluationResult],
    runs: Path,
) -> None:
    config = config_of(search={"n_trials": 6, "finalist_seeds": 3})
    run, ledger = begun(config)

    def remote(**options: Any) -> Any:
        return lambda function: SimpleNamespace(remote=lambda text, seed, shared: (text, seed))

    crashes: list[int] = []

    def get(reference: tuple[str, int]) -> EvaluationResult:
        if reference[1] == config.seed + 1:
            crashes.append(reference[1])
            raise WorkerCrashedError
        return trained(Architecture.from_json(reference[0]), reference[1])

    # without Ray: its part is to raise what it raises where a worker is gone
    cluster = SimpleNamespace(check=lambda: None)
    monkeypatch.setattr(full_trainings, "connected", lambda *settings: nullcontext(cluster))
    monkeypatch.setattr("nas.ray.cluster.waits.NOTICED_SECONDS", 0.0)
    monkeypatch.setattr("nas.ray.retrain.ray.remote", remote)
    monkeypatch.setattr("nas.ray.retrain.ray.put", lambda value: value)
    monkeypatch.setattr("nas.ray.retrain.ray.get", get)
    monkeypatch.setattr("nas.ray.cluster.waits.ray.wait", lambda those, **_: (those[:1], []))
    node = {"Alive": True, "Resources": {"CPU": 2.0}}
    monkeypatch.setattr("nas.ray.cluster.nodes.ray.nodes", lambda: [node])
    with pytest.raises(RunError, match="1 of 2 proxy evaluations beside the search's") as caught:
        run_retrain_command(Output(file=io.StringIO()), run.name, runs, pick="best", baseline=True)
    assert "3 workers were lost on it; the last one: The worker died unexpectedly" in str(
        caught.value
    )
    assert len(crashes) == 3
    assert [row.seed for row in ledger.evaluations("baselines")] == [config.seed + 2]


def test_a_network_without_a_plain_one_is_one_message(
    output: Output,
    monkeypatch: pytest.MonkeyPatch,
    config_of: Callable[..., SearchConfig],
    begun: Callable[..., Begun],
    runs: Path,
) -> None:
    def none_there(*arguments: Any) -> Any:
        raise ValueError("no convolution stem makes a 6x6 map")

    run, _ = begun(config_of())
    monkeypatch.setattr(retrain_command, "plain_convolutional", none_there)
    with pytest.raises(CommandError, match="--baseline: no convolution stem makes a 6x6 map"):
        run_retrain_command(output, run.name, runs, pick="best", baseline=True)


@pytest.mark.parametrize(
    ("pick", "ending"),
    [
        ("kne", "got 'kne'; did you mean 'knee'?"),
        ("BEST", "got 'BEST'; did you mean 'best'?"),
        ("zzz", "got 'zzz'"),
    ],
)
def test_an_unknown_pick_is_answered_with_the_nearest(
    output: Output,
    config_of: Callable[..., SearchConfig],
    begun: Callable[..., Begun],
    runs: Path,
    pick: str,
    ending: str,
) -> None:
    run, ledger = begun(config_of())
    (row,) = ledger.evaluations()
    with pytest.raises(CommandError) as caught:
        run_retrain_command(output, run.name, runs, pick=pick, baseline=False)
    assert str(caught.value).endswith(ending)
    most = row.arch_id[:-2]
    with pytest.raises(CommandError, match=f"did you mean '{row.arch_id}'"):
        run_retrain_command(output, run.name, runs, pick=most, baseline=False)
