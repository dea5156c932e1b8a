"""``nas trace``: families of networks trained in full, once in a storage, and drawn."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from nas.cli.commands.train.trace import run_trace_command
from nas.cli.commands.upkeep.archive import run_archive_command
from nas.cli.output import Output
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.storage.ledger import ledger_of
from nas.storage.ledger_view import RUN_ID
from nas.storage.networks.retraining import full_trainings
from nas.storage.provenance import RowName
from nas.storage.run.folder import RunFolder
from search_space.cost import network_costs
from search_space.yaml_validation import ConfigError
from search_space.zoo import network
from tests.nas.cli.conftest import Begin
from tests.nas.cli.trained_here import TrainedHere
from tests.nas.conftest import TINY_SPACE

FAMILIES = [
    {"name": "plain", "networks": ["resnet20"], "widths": [0.25, 0.5]},
    {"name": "named", "networks": ["resnet20@0.25", "small.json"]},
]
NAMES = ["resnet20 width 0.25", "resnet20 width 0.5", "resnet20@0.25", "small"]


@pytest.fixture
def config(config_of: Callable[..., SearchConfig]) -> SearchConfig:
    return config_of(space=TINY_SPACE, sampler={"name": "random"})


@pytest.fixture
def trace(config: SearchConfig, tmp_path: Path, runs: Path) -> Callable[..., str]:
    """Write a trace of a search's file, and give the command; return what is printed."""
    (tmp_path / "search.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    (tmp_path / "small.json").write_text(network("resnet20@0.5").canonical_json())
    content: dict[str, Any] = {
        "name": "traced",
        "title": "small networks",
        "search_file": "search.yaml",
        "families": FAMILIES,
    }

    def command(
        *overrides: str,
        as_json: bool = False,
        plan: bool = False,
        retime: bool = False,
        **changes: Any,
    ) -> str:
        file = tmp_path / "trace.yaml"
        file.write_text(yaml.safe_dump(content | changes))
        printed = io.StringIO()
        output = Output(file=printed, width=200, as_json=as_json)
        run_trace_command(output, file, overrides, runs, plan=plan, retime=retime)
        return printed.getvalue()

    return command


def rows_of(runs: Path, name: str = "traced") -> Any:
    config, ledger = ledger_of(RunFolder(runs / name))
    return full_trainings(config, ledger)


def test_each_network_is_trained_once_and_every_family_drawn(
    trace: Callable[..., str], here: TrainedHere, runs: Path
) -> None:
    printed = trace("retrain_seeds=2")
    rows = rows_of(runs)
    assert len(here.begun) == len(rows) == 4  # 2 networks, which both families have, 2 seeds each
    run = RunFolder(runs / "traced")
    result = json.loads((run.path / "trace.json").read_text())
    assert [point["network"] for point in result["points"]] == NAMES
    first = network("resnet20@0.25")
    accuracies = [r.metrics["test_accuracy"] for r in rows if r.architecture == first]
    assert result["points"][0]["accuracy"] == pytest.approx(sum(accuracies) / 2)
    assert [point["n"] for point in result["points"]] == [2] * 4
    assert all(point["standard_error"] is not None for point in result["points"])
    assert result["points"][0]["params"] == network_costs(first, run.task()).params
    with (run.path / "trace.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["network"] for row in table] == NAMES
    assert float(table[0]["test_accuracy"]) == result["points"][0]["accuracy"]
    assert "(n=2)" in printed
    assert "(n=2)" in (run.path / "trace.md").read_text()
    assert (run.path / "trace.png").read_bytes().startswith(b"\x89PNG")
    page = (run.path / "trace.html").read_text()
    assert "resnet20 width 0.25" in page
    assert "<script src=" not in page  # it loads nothing
    assert "everything asked for was retrained before" in trace("retrain_seeds=2")


def test_what_another_run_has_trained_is_taken(
    trace: Callable[..., str], here: TrainedHere, runs: Path
) -> None:
    trace("retrain_seeds=2")
    trained = len(here.begun)
    assert "that other runs have done: 4" in trace("retrain_seeds=2", "name=second")
    assert len(here.begun) == trained
    first, second = rows_of(runs), rows_of(runs, "second")
    key = {(row.arch_id, row.seed): row.metrics for row in first}
    assert {(row.arch_id, row.seed): row.metrics for row in second} == key
    _, ledger = ledger_of(RunFolder(runs / "traced"))
    run_id = ledger.attribute(RUN_ID)
    taken = {row.provenance.taken_from for row in second}
    assert taken == {RowName(run="traced", run_id=run_id, number=n) for n in range(4)}
    assert all(row.provenance.taken_from is None for row in first)


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "other", ["seed=7", "data.split_seed=3", "retrain.learning_rate=0.3", "metric=top5"]
)
def test_another_training_is_not_taken(
    trace: Callable[..., str], here: TrainedHere, other: str
) -> None:
    trace()
    trained = len(here.begun)
    assert "other runs" not in trace("name=second", other)
    assert len(here.begun) == 2 * trained


def test_trainings_of_another_split_are_not_taken(
    trace: Callable[..., str], here: TrainedHere, tmp_path: Path
) -> None:
    """The fingerprint of a folder is of all of its images, whatever the split."""
    rng = np.random.default_rng(0)
    for number in range(120):
        file = tmp_path / "pictures" / str(number % 3) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8)).astype(np.uint8)).save(file)
    data = {"name": "image_folder", "path": str(tmp_path / "pictures"), "image_size": [8, 8]}
    counts = {"train_images": 80, "validation_images": 20, "test_images": 20}
    settings = {"data": data | counts}
    trace(settings=settings)
    trained = len(here.begun)
    assert "other runs" in trace("name=same", settings=settings)
    for number, change in enumerate(
        ({"split_seed": 3}, {"train_images": 70}, {"image_size": [9, 9]})
    ):
        said = trace(f"name=other{number}", settings={"data": data | counts | change})
        assert "other runs" not in said
    assert len(here.begun) == 4 * trained


def test_an_untrusted_or_damaged_neighbour_is_passed_over(
    trace: Callable[..., str], here: TrainedHere, runs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trace()
    trained = len(here.begun)
    _, ledger = ledger_of(RunFolder(runs / "traced"), writes=True)
    row = ledger.evaluations("retrain")[0]
    ledger.add(
        "retrain",
        row.architecture,
        seed=row.seed,
        metrics=row.metrics,
        curve=row.curve,
        device_seconds=1.0,
        recipe_id="",
    )
    ledger.close()
    with sqlite3.connect(runs / "traced" / "ledger.db") as database:
        database.execute(
            "UPDATE trial_user_attributes SET value_json = '7' WHERE key = 'architecture'"
        )
    trace("name=second")
    assert "run traced was passed over" in caplog.text
    assert len(here.begun) == 2 * trained


def test_a_search_is_run_first_and_only_once(
    trace: Callable[..., str],
    here: TrainedHere,
    config: SearchConfig,
    begun: Begin,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched: list[tuple[str, list[str]]] = []

    def search(output: Any, file: Path, overrides: list[str], runs: Path, **options: Any) -> None:
        name = next(word for word in overrides if word.startswith("name=")).removeprefix("name=")
        searched.append((name, [word for word in overrides if word.startswith("sampler")]))
        own = load_config(file, overrides)
        run, _ = begun(own, trials=own.search.n_trials)
        run.write_json("state.json", {"finished": True, "trained": own.search.n_trials})

    monkeypatch.setattr("nas.cli.commands.train.trace_searches.run_search_command", search)
    families = [
        {"name": "a", "run": "a", "search": []},
        {"name": "b", "run": "b", "search": ["sampler.options={warm_up: 2}", "seed=9"]},
    ]
    settings = {"search": {"n_trials": 3}, "retrain_seeds": 2}
    wrong = [*families[:1], {"name": "b", "run": "b", "search": ["smapler.name=random"]}]
    with pytest.raises(ConfigError, match="smapler"):
        trace(families=wrong, settings=settings)
    assert not searched  # what is wrong with the second is said before the first is searched
    families[1]["search"] = ["seed=9"]
    result = json.loads(trace(families=families, settings=settings, curves="fronts", as_json=True))
    assert [name for name, _ in searched] == ["a", "b"]
    assert {point["family"] for point in result["points"]} == {"a", "b"}
    assert result["at_equal_costs"]
    trace(families=families, settings=settings, curves="fronts")
    assert len(searched) == 2
    families[1]["search"] = ["seed=8"]
    with pytest.raises(RunError, match="seed was 9, is 8"):
        trace(families=families, settings=settings)


def test_a_plan_writes_nothing_to_an_archive(
    trace: Callable[..., str], here: TrainedHere, runs: Path, tmp_path: Path
) -> None:
    trace()
    run_archive_command(Output(file=io.StringIO()), "traced", tmp_path / "kept" / "traced", runs)
    shutil.rmtree(runs / "traced")
    (tmp_path / "kept" / "traced").rename(runs / "traced")
    assert json.loads(trace(plan=True, as_json=True))["trainings_left"] == 0
    assert not (runs / "traced" / "ledger.db").exists()


def test_found_networks_are_linked_to_their_trials(
    trace: Callable[..., str], here: TrainedHere, config: SearchConfig, begun: Begin, runs: Path
) -> None:
    run, ledger = begun(config, trials=2)
    printed = trace(families=[{"name": "found", "run": run.name}])
    rows = rows_of(runs)
    numbers = {row.arch_id: row.number for row in ledger.evaluations("search")}
    assert rows
    for row in rows:
        found_by = row.provenance.found_by
        assert (found_by.run, found_by.number) == (run.name, numbers[row.arch_id])
    points = json.loads((runs / "traced" / "trace.json").read_text())["points"]
    assert {point["found_by"] for point in points} == {
        f"{run.name}, trial {numbers[point['arch_id']]}" for point in points
    }
    assert rows[0].arch_id in printed


def test_published_rows_stand_beside_the_networks_that_they_are_of(
    trace: Callable[..., str], here: TrainedHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    families = [{"name": "own", "networks": ["resnet34@0.01"]}]
    with pytest.raises(ConfigError, match="aacn3 is of imagenet"):
        trace(families=families, published={"table": "aacn3"})
    monkeypatch.setattr("analysis.trace.published.OF_ONE_SET", ())
    result = json.loads(trace(families=families, published={"table": "aacn3"}, as_json=True))
    assert result["published"] == []  # a narrower network is not the paper's
    with pytest.raises(ConfigError, match="aacn3 prints accuracies of the test images"):
        trace(families=families, published={"table": "aacn3"}, accuracy="val_accuracy")


def test_the_plan_trains_and_writes_nothing(
    trace: Callable[..., str], here: TrainedHere, config: SearchConfig, runs: Path
) -> None:
    planned = json.loads(
        trace(
            plan=True,
            as_json=True,
            images_per_second={"fast": {"resnet20@0.25": 1000}},
            families=FAMILIES,
        )
    )
    assert planned["trainings_left"] == 2
    assert not (runs / "traced").exists()
    assert not here.begun
    narrow, wide = planned["networks"]
    seconds = 3600 * narrow["hours_each"]["fast"]
    assert seconds * 1000 == pytest.approx(narrow["epochs"] * config.data.train_images)
    ratio = wide["hours_each"]["fast"] / narrow["hours_each"]["fast"]
    assert ratio == pytest.approx(wide["macs"] / narrow["macs"])
    assert planned["hours"]["here"] > 0
    trace()
    again = json.loads(trace(plan=True, as_json=True))
    assert again["trainings_left"] == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"families": [{"name": "a", "networks": ["resnet21"]}]}, "family 'a': 'resnet21' is not"),
        (
            {"families": [{"name": "a", "networks": ["sasa_resnet26"], "widths": [0.001]}]},
            "family 'a': sasa_resnet26 width 0.001: ",
        ),
        (
            {"families": [{"name": "a", "networks": ["resnet20"], "depths": [1000]}]},
            "family 'a': resnet20 depth 1000: ",
        ),
        ({"families": [{"name": "a", "run": "none"}]}, "family 'a': no run 'none'"),
        ({"published": {"table": "aacn33"}}, "no table is called 'aacn33'"),
        ({"published": {"table": "sasa3"}}, "sasa3 is of imagenet"),
        ({"images_per_second": {"fast": {}}}, "images_per_second.fast: "),
        ({"published": {"table": "aacn9"}}, "prints no top-1 accuracy"),
        (
            {"accuracy": "val_accuracy", "settings": {"retrain_data": "train+validation"}},
            "accuracy: val_accuracy needs validation images",
        ),
        ({"settings": {"retrain": {"batch_size": 2000}}}, "recipe.batch_size must be at most"),
    ],
)
def test_a_mistake_is_one_clear_error(
    trace: Callable[..., str], here: TrainedHere, runs: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises((CommandError, ConfigError, RuntimeError)) as caught:
        trace(**changes)
    assert said in str(caught.value)
    assert not (runs / "traced").exists()
    assert not here.begun


def test_a_rate_of_no_network_is_refused(trace: Callable[..., str], here: TrainedHere) -> None:
    with pytest.raises(CommandError, match=r"images_per_second.fast: no network .* 'resnet2'"):
        trace(plan=True, images_per_second={"fast": {"resnet2": 10}})


def test_networks_are_timed_anew_in_turn(
    trace: Callable[..., str], here: TrainedHere, runs: Path
) -> None:
    axes = {"axes": ["params", "device_seconds"]}
    folder = runs / "traced"

    def result() -> Any:
        return json.loads((folder / "trace.json").read_text())

    trace(**axes)
    assert any("the shortest of a network's trainings" in note for note in result()["notes"])
    trace(retime=True, **axes)
    timings = json.loads((folder / "timings.json").read_text())
    seconds = {each["arch_id"]: each["training_seconds"] for each in timings["networks"]}
    assert len(seconds) == 2  # each network once, though both families have it
    trace(**axes)  # a later command keeps them
    assert len(here.begun) == 2  # nothing was trained again
    points = result()["points"]
    assert [point["device_seconds"] for point in points] == [
        seconds[point["arch_id"]] for point in points
    ]
    assert any(timings["device"] in note for note in result()["notes"])
    trace(families=[*FAMILIES, {"name": "more", "networks": ["resnet20@0.75"]}], **axes)
    assert any("the shortest of a network's trainings" in note for note in result()["notes"])
    (folder / "timings.json").write_text('{"device": "a CPU", "rounds": 0, "networks": []}')
    with pytest.raises(RunError, match=r"timings.json cannot be read: rounds: "):
        trace(**axes)


def test_only_an_axis_of_seconds_is_timed(trace: Callable[..., str], here: TrainedHere) -> None:
    with pytest.raises(CommandError, match=r"--retime: .* has no axis device_seconds"):
        trace(retime=True)
    assert not here.begun
