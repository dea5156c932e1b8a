"""A finished search, as each command shows it to a user."""

from __future__ import annotations

import json
import shlex
import sqlite3
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
import torch
import yaml
from PIL import Image

from tests.end_to_end.tiny_search import command_in, query, read_json
from trainers import DataConfig, load_splits

pytestmark = pytest.mark.ray


def test_the_run_folder_holds_all_that_was_decided_and_found(finished_run):
    run = finished_run / "runs" / "tiny"
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["search"]["n_trials"] == 6
    assert config["space"]["name"] == "tiny"
    environment = json.loads((run / "environment.json").read_text())
    assert environment["seed"] == 0
    assert environment["versions"]["torch"] == torch.__version__
    assert json.loads((run / "task.json").read_text())["input_shape"] == [1, 8, 8]
    assert (run / "front.png").read_bytes().startswith(b"\x89PNG")
    assert "plotly" in (run / "front.html").read_text()
    assert (finished_run / "runs" / "latest").resolve() == run.resolve()


def test_only_expected_files_are_in_the_run_folder(finished_run):
    expected = {
        "config.yaml",
        "driver.lock",
        "environment.json",
        "front.html",
        "front.json",
        "front.png",
        "ledger.db",
        "data.json",
        "state.json",
        "task.json",
    }
    files = {path.name for path in (finished_run / "runs" / "tiny").iterdir()}
    assert files - {"retrain", "retrain.json"} == expected


def test_the_output_says_what_was_searched_and_found(finished_run):
    output = (finished_run / "output.txt").read_text()
    front = json.loads((finished_run / "runs" / "tiny" / "front.json").read_text())["members"]
    for text in ("trials 6/6", "device-hours", "seed", "between candidates", "augmented_conv"):
        assert text in output
    first = output.splitlines()
    data = "data digits: 10 classes, grey images of 8 x 8 pixels; 100 to train, 100 to validate, "
    assert first[0].startswith(data)
    assert first[1] == "starting workers on Ray here"
    assert "(32 architectures), sampler" in first[2]
    assert "hypervolume: the front dominates" in output
    for member in front:
        assert member["arch_id"] in output
        # finalists have one fresh seed beside the search's own
        assert (member["val_accuracy_n"], member["val_accuracy_is_fresh"]) == (1, True)


def test_the_ledger_is_an_optuna_storage(finished_run):
    url = f"sqlite:///{finished_run / 'runs' / 'tiny' / 'ledger.db'}"
    study = optuna.load_study(study_name="tiny", storage=url)
    complete = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    assert len(complete) == 6
    assert len({t.user_attrs["arch_id"] for t in complete}) == 6
    for trial in complete:
        assert trial.intermediate_values[2] == pytest.approx(trial.values[0])
        assert len(trial.user_attrs["curve"]) == 2


def test_status_counts_what_was_done(finished_run, environment):
    status = read_json(query(finished_run, "status", "tiny", "--json"))
    assert status["state"] == "finished"
    assert status["trained"] == 6
    assert status["repeats"] >= 1
    assert status["device_hours"] > 0
    assert status["spent"]["hours"] > 0
    assert 0 < status["spent"]["device_hours"] <= status["device_hours"]
    assert status["ended"] is None
    shown = query(finished_run, "status", "latest").stdout
    assert "finished" in shown
    assert status["best"]["arch_id"] in shown


def test_frontier_takes_other_costs_and_limits(finished_run, environment):
    every = read_json(query(finished_run, "frontier", "tiny", "--json"))["members"]
    assert [m["metrics"]["params"] for m in every] == sorted(m["metrics"]["params"] for m in every)
    limit = every[0]["metrics"]["params"]
    under = read_json(
        query(
            finished_run,
            "frontier",
            "tiny",
            "--under",
            f"params={limit:.0f}",
            "--json",
        )
    )["members"]
    assert [m["arch_id"] for m in under] == [every[0]["arch_id"]]
    by_macs = read_json(query(finished_run, "frontier", "tiny", "--x", "macs", "--json"))
    assert by_macs["x"] == "macs"
    assert by_macs["members"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frontier", "tiny", "--under", "parms=3"], "params"),
        (["frontier", "tiny", "--under", "params=1"], "no evaluated architecture"),
        (["frontier", "tiny", "--x", "colour"], "--x cannot be 'colour'; known: params, macs"),
        (["frontier", "nope"], "no run 'nope' in runs; known: tiny"),
        (["describe", "resnet51"], "did you mean 'resnet56'"),
        (["describe", "0123456789ab"], "has an architecture 0123456789ab"),
        (["describe", "resnet50", "--image", "big"], "CHANNELSxHEIGHTxWIDTH"),
        (["describe", "resnet50", "--classes", "1"], "needs at least 2 classes, got 1"),
        (["retrain", "tiny", "--pick", "0123456789ab"], "--pick is knee, best, knee-or-best, all"),
    ],
)
def test_a_question_that_cannot_be_answered_gets_one_clear_error(
    finished_run, environment, arguments, said
):
    done = query(finished_run, *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_describe_an_architecture_of_the_run(finished_run, environment):
    front = json.loads((finished_run / "runs" / "tiny" / "front.json").read_text())["members"]
    arch_id = front[0]["arch_id"]
    described = read_json(query(finished_run, "describe", arch_id, "--json"))
    assert described["arch_id"] == arch_id
    assert described["params"] == front[0]["metrics"]["params"]
    assert described["flops_paper"] == 2 * described["macs"]
    assert sum(stage["params"] for stage in described["stages"]) == described["params"]
    path = finished_run / "mine.json"
    path.write_text(json.dumps(front[0]["architecture"]))
    from_file = read_json(
        query(
            finished_run,
            "describe",
            path,
            "--image",
            "1x8x8",
            "--classes",
            10,
            "--json",
        )
    )
    assert from_file["arch_id"] == described["arch_id"]
    assert from_file["params"] == described["params"]


def test_a_stopped_retraining_says_how_to_go_on(finished_run, monkeypatch):
    def stopped(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nas.cli.commands.train.full_trainings.evaluate_plain", stopped)
    cluster = SimpleNamespace(check=lambda: None)
    monkeypatch.setattr(
        "nas.cli.commands.train.full_trainings.connected", lambda *_: nullcontext(cluster)
    )
    done = query(finished_run, "retrain", "tiny", "--pick", "best")
    assert done.returncode == 130
    assert "give the same command again to continue" in done.stdout
    assert done.stderr == ""


def test_retrain_the_best_beside_a_plain_network_once(finished_run, environment):
    command = ("retrain", "tiny", "--pick", "best", "--baseline", "--json")
    first = command_in(finished_run, environment, *command)
    rows = read_json(first)
    assert "full trainings of 2 epochs: 2; " in first.stderr
    chosen, plain = rows
    assert (chosen["kind"], plain["kind"]) == ("found", "plain convolution")
    assert abs(plain["params"] / chosen["params"] - 1) < 0.1
    for row in rows:
        assert 0 < row["test_accuracy"] <= 1
        assert (row["proxy_n"], row["proxy_is_fresh"]) == (1, True)
        (folder,) = (finished_run / "runs" / "tiny" / "retrain").glob(
            f"{row['arch_id']}-*-training0"
        )
        assert (folder / "curve.csv").read_text().count("\n") == 3
        assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
        assert not (folder / "checkpoint.pt").exists()
        assert measured_test_accuracy(finished_run, folder / "model.pt") == row["test_accuracy"]
    again = command_in(finished_run, environment, *command)
    assert "retrained before" in again.stderr
    assert read_json(again) == rows


def test_more_processes_than_groups_or_cpus_are_refused(finished_run, environment):
    done = query(
        *(finished_run, "retrain", "tiny", "--pick", "best"),
        *("recipe.normalization_images=25", "resources.workers_per_training=1000"),
    )
    assert done.returncode == 1
    assert "resources.workers_per_training=1000 processes share a batch of 2" in done.stderr
    assert "resources.workers_per_training=1000 processes need 1 CPUs and 0 GPUs" in done.stderr


def measured_test_accuracy(finished_run: Path, model_file: Path) -> float:
    """The share of the test images, as PNG files, that ``nas predict`` is right about."""
    splits = load_splits(DataConfig(name="digits", train_images=100, validation_images=100))
    folder = finished_run / "test images"
    folder.mkdir(exist_ok=True)
    for index, image in enumerate(splits.test.images):
        Image.fromarray(image[0].numpy()).save(folder / f"{index:04}.png")
    rows = read_json(query(finished_run, "predict", model_file, folder, "--json"))
    said = [row["predictions"][0]["class_name"] for row in rows]
    labels = splits.test.labels.tolist()
    return sum(name == str(label) for name, label in zip(said, labels, strict=True)) / len(said)


def test_a_retraining_ends_with_three_commands_that_work(finished_run, environment):
    done = command_in(finished_run, environment, "retrain", "tiny", "--pick", "best")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.partition("what you may do next:\n")[2].splitlines()
    frontier, predict, retrain = (shlex.split(line)[1:] for line in lines)
    assert frontier == ["frontier", "runs/tiny", "--x", "macs"]
    assert "val_accuracy against macs" in query(finished_run, *frontier).stdout
    predicted = query(finished_run, *predict)
    assert predicted.returncode == 0, predicted.stderr
    assert predicted.stdout.count(".png") == 10
    assert retrain == ["retrain", "runs/tiny", "--pick", "all"]


def test_a_run_that_exists_is_not_overwritten(finished_run, environment):
    done = command_in(finished_run, environment, "search", "tiny.yaml")
    assert done.returncode == 1
    assert "run 'tiny' already exists" in done.stderr
    assert "name=tiny-2" in done.stderr


@pytest.mark.slow
def test_a_longer_search_continues_a_finished_one(finished_run, environment):
    done = command_in(
        finished_run, environment, "search", "tiny.yaml", "search.n_trials=8", "--resume"
    )
    assert done.returncode == 0, done.stderr
    status = read_json(query(finished_run, "status", "tiny", "--json"))
    assert status["trained"] == 8


def test_another_configuration_cannot_take_over_a_run(finished_run, environment):
    done = command_in(finished_run, environment, "search", "tiny.yaml", "seed=5", "--resume")
    assert done.returncode == 1
    assert "seed was 0, is 5" in done.stderr


def test_a_corrupt_ledger_is_named(finished_run, environment, tmp_path):
    copy = tmp_path / "runs" / "tiny"
    copy.mkdir(parents=True)
    source = finished_run / "runs" / "tiny"
    for name in ("config.yaml", "task.json"):
        (copy / name).write_bytes((source / name).read_bytes())
    (copy / "ledger.db").write_bytes(b"no database at all" * 100)
    done = query(tmp_path, "status", "tiny")
    assert done.returncode == 1
    assert "ledger.db is not a ledger that can be read" in done.stderr.replace("\n", "")
    with sqlite3.connect(source / "ledger.db") as untouched:
        assert untouched.execute("select count(*) from trials").fetchone()[0] >= 6
