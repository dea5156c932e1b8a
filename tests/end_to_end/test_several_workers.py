"""One full training in two processes: the result of one, also when a process is killed."""

from __future__ import annotations

import csv
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import torch

from tests.end_to_end.tiny_search import command_in, nas_command, read_json

pytestmark = pytest.mark.ray

RECIPE = ("recipe.epochs=12", "recipe.normalization_images=25")
TOGETHER = ("resources.workers_per_training=2", "--tensorboard")


def retrain(*arguments: str) -> tuple[str, ...]:
    return ("retrain", "tiny", "--pick", "best", *RECIPE, *arguments)


def training_folder(folder: Path) -> Path:
    (curve,) = (folder / "runs" / "tiny" / "retrain").glob("*/curve.csv")
    return curve.parent


def losses(folder: Path) -> list[float]:
    with (training_folder(folder) / "curve.csv").open(newline="") as file:
        return [float(row["train_loss"]) for row in csv.DictReader(file)]


def rank_processes(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [
        each
        for each in psutil.Process(process.pid).children(recursive=True)
        if "RayTrainWorker" in " ".join(each.cmdline())
    ]


@pytest.mark.parametrize("killed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_two_processes_train_the_network_that_one_trains(
    finished_run: Path, tmp_path: Path, environment: dict[str, str], killed: bool
) -> None:
    def run_in(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        subprocess.run(["cp", "-a", finished_run / "runs", folder], check=True)
        return folder

    alone, together = run_in("alone"), run_in("together")
    (one,) = read_json(command_in(alone, environment, *retrain("--json")))
    with subprocess.Popen(
        nas_command(*retrain(*TOGETHER)),
        cwd=together,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        if killed:
            deadline = time.monotonic() + 100
            while not list((together / "runs" / "tiny" / "retrain").glob("*/checkpoint.pt")):
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.02)
            first, _ = rank_processes(process)
            first.kill()
        output = process.communicate(timeout=200)[0].decode()
    assert process.returncode == 0, output
    assert ("lost its worker" in output) == killed
    (two,) = read_json(command_in(together, environment, *retrain(*TOGETHER, "--json")))
    assert two["test_accuracy"] == pytest.approx(one["test_accuracy"], abs=0.02)
    assert losses(together) == pytest.approx(losses(alone), abs=1e-3)
    models = [
        torch.load(training_folder(each) / "model.pt", weights_only=True)["payload"]["weights"]
        for each in (alone, together)
    ]
    for name, tensor in models[0].items():
        torch.testing.assert_close(models[1][name], tensor, rtol=1e-2, atol=1e-3, msg=name)
    events = (training_folder(together) / "tensorboard").glob("events.*")
    assert sum(file.stat().st_size for file in events) > 500


def test_more_processes_than_groups_or_cpus_are_refused(
    finished_run: Path, environment: dict[str, str]
) -> None:
    done = command_in(finished_run, environment, *retrain("resources.workers_per_training=1000"))
    assert done.returncode == 1
    assert "resources.workers_per_training=1000 processes share a batch of 2" in done.stderr
    assert "resources.workers_per_training=1000 processes need 1 CPUs and 0 GPUs" in done.stderr
