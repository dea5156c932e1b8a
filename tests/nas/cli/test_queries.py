"""Fronts of several runs and differences of networks, on runs that are kept in docs/results."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nas.cli.application import app
from nas.errors import CommandError, RunError
from search_space.yaml_validation import dump_yaml, read_yaml

PATHFINDER = Path(__file__).parents[3] / "docs" / "results" / "pathfinder"
CONV, BOTH, ATTENTION = (
    str(PATHFINDER / f"pathfinder-{name}") for name in ("conv", "both", "attention")
)


def nas(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def data(*words: str | Path) -> Any:
    result = nas(*words, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def message(*words: str | Path) -> str:
    result = nas(*words)
    assert isinstance(result.exception, CommandError | RunError)
    return str(result.exception)


def copied(folder: Path, name: str, **changes: Any) -> Path:
    """A copy of a run, perhaps with other settings."""
    copy = folder / name
    shutil.copytree(BOTH, copy)
    settings = read_yaml(copy / "config.yaml") | {"name": name} | changes
    (copy / "config.yaml").write_text(dump_yaml(settings))
    return copy


def test_several_runs_give_one_front() -> None:
    alone = [data("frontier", name) for name in (CONV, BOTH, ATTENTION)]
    together = data("frontier", CONV, BOTH, ATTENTION)
    known = {each["arch_id"]: each for front in alone for each in front["members"]}
    members = together["members"]
    assert {each["arch_id"] for each in members} < known.keys()
    assert {name for each in members for name in each["runs"]} > {"pathfinder-conv"}
    accuracies = [each["val_accuracy_of_all"] for each in members]
    assert accuracies == sorted(accuracies)
    for one in known.values():  # the front of all dominates each run's own
        assert any(
            each["metrics"]["params"] <= one["metrics"]["params"]
            and each["val_accuracy_of_all"] >= one["val_accuracy_of_all"]
            for each in members
        )


def test_a_training_that_two_runs_have_counts_once(tmp_path: Path) -> None:
    once, twice = data("frontier", BOTH), data("frontier", BOTH, copied(tmp_path, "copy"))
    for each in twice["members"]:
        each.pop("runs", None)
    assert twice == once


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (
            {"metric": "balanced_accuracy"},
            "(metric) differ: accuracy and balanced_accuracy",
        ),
        ({"fidelity": {"resolution": 16}}, "fidelities differ: all of the task and resolution=16"),
    ],
)
def test_runs_that_do_not_compare_are_refused(
    tmp_path: Path, changes: dict[str, Any], what: str
) -> None:
    other = copied(tmp_path, "other", **changes)
    said = message("frontier", BOTH, other)
    assert said.startswith("runs 'pathfinder-both' and 'other' do not compare")
    assert what in said


def test_runs_of_other_tasks_are_refused(tmp_path: Path) -> None:
    other = copied(tmp_path, "other")
    task = json.loads((other / "task.json").read_text())
    (other / "task.json").write_text(json.dumps(task | {"classes": 7}))
    assert "tasks' classes differ: 2 and 7" in message("frontier", BOTH, other)
    assert "tasks' classes differ: 2 and 7" in message(
        "diff", f"{BOTH}:2971006ffbdd", f"{other}:ba4a1e9885b9"
    )


def test_a_run_twice_is_refused() -> None:
    assert message("frontier", BOTH, BOTH) == "run 'pathfinder-both' is given twice"


def test_the_members_that_are_shown() -> None:
    front = data("frontier", BOTH)
    ids = [each["arch_id"] for each in front["members"]]
    (knee,) = data("frontier", BOTH, "--knee")["members"]
    assert knee["arch_id"] == front["knee"]
    best = data("frontier", BOTH, "--top", "2")["members"]
    accuracies = sorted((each["val_accuracy"] for each in front["members"]), reverse=True)
    assert [each["val_accuracy"] for each in best] == accuracies[:2]
    (near,) = data("frontier", BOTH, "--near", "params=13k")["members"]
    assert near["arch_id"] == ids[2]
    assert len(data("frontier", BOTH, "--near", "params=13k", "--top", "3")["members"]) == 3
    assert "2 of the front's 8 members are shown." in nas("frontier", BOTH, "--top", "2").stdout


def test_a_front_of_three_objectives_holds_those_of_two() -> None:
    three = data("frontier", BOTH, "--z", "macs")
    assert three["z"] == "macs"
    two = {each["arch_id"] for each in data("frontier", BOTH)["members"]}
    assert two < {each["arch_id"] for each in three["members"]}


def test_csv_has_plain_numbers_and_markdown_those_of_people() -> None:
    front = data("frontier", BOTH)
    rows = list(csv.DictReader(io.StringIO(nas("frontier", BOTH, "--format", "csv").stdout)))
    assert [row["arch_id"] for row in rows] == [each["arch_id"] for each in front["members"]]
    for row, each in zip(rows, front["members"], strict=True):
        assert float(row["val_accuracy"]) == each["val_accuracy"]
        assert int(row["params"]) == each["metrics"]["params"]
        assert row["is_knee"] == str(each["is_knee"]).lower()
    lines = nas("frontier", BOTH, "--format", "markdown").stdout.splitlines()
    assert len(lines) == 2 + len(rows)
    assert "| **2971006ffbdd** |" in "\n".join(lines)
    assert "13.1k" in lines[4]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--x", "parms"], "--x cannot be 'parms'; did you mean 'params'?"),
        (["--z", "params"], "objectives must differ, got val_accuracy, params, params"),
        (["--knee", "--top", "2"], "--knee shows one member; it excludes --near and --top"),
        (["--knee", "--z", "macs"], "--knee needs a front of an accuracy against one cost"),
        (["--top", "0"], "--top must be at least 1, got 0"),
        (["--near", "params"], "--near: costs are written as macs=40M,latency_ms=5, got 'params'"),
        (["--y", "macs", "--png", "front.png"], "--png and --html draw a front of an accuracy"),
        (["--trained", "--z", "macs"], "--trained takes one run and two objectives"),
    ],
)
def test_questions_without_an_answer(options: list[str], said: str) -> None:
    assert message("frontier", BOTH, *options).startswith(said)


def test_a_difference_has_parts_costs_and_paired_accuracies() -> None:
    diff = data("diff", f"{BOTH}:2971", f"{BOTH}:ba4a1e9885b9", "resnet26@0.25")
    first, second, named = diff["networks"]
    assert [first["arch_id"], second["arch_id"]] == ["2971006ffbdd", "ba4a1e9885b9"]
    changed = [part["part"] for part in diff["parts"] if part["is_changed"]]
    assert changed == ["blocks", "stem", "stage 1", "stage 2", "stage 3", "stage 4"]
    for each, index in ((first, 0), (second, 1), (named, 2)):
        parts = [part["params"][index] or 0 for part in diff["parts"]]
        assert sum(parts) == each["metrics"]["params"]
    one, other = diff["differences"]
    assert one["metrics"]["params"] == second["metrics"]["params"] - first["metrics"]["params"]
    assert one["val_accuracy"]["mean"] == pytest.approx(
        second["val_accuracy"] - first["val_accuracy"]
    )
    assert one["val_accuracy"]["n"] == 1
    assert other["val_accuracy"] is None


def test_along_a_front_each_step_says_what_it_buys() -> None:
    steps = data("diff", BOTH)["steps"]
    members = data("frontier", BOTH)["members"]
    assert [step["to"] for step in steps] == [each["arch_id"] for each in members[1:]]
    assert all(step["metrics"]["params"] > 0 and step["parts"] for step in steps)
    assert "what each step along the front buys" in nas("diff", BOTH).stdout


@pytest.mark.parametrize(
    ("operands", "said"),
    [
        ([f"{BOTH}:9999", f"{BOTH}:2971"], "the run has no network with an arch_id that begins"),
        (["resnet26", "wide_resnet28_10"], "are of other tasks"),
        (["resnet26", "resnet26x"], "is not the name of a network"),
    ],
)
def test_networks_that_do_not_compare(operands: list[str], said: str) -> None:
    assert said in message("diff", *operands)
