"""One full training in two processes: the result of one, also when a process is killed."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import torch

from nas.config.recipe_overrides import with_overrides
from nas.evaluation.full_training import Trained, train_in_full
from nas.evaluation.full_training_seed import full_training_seed
from nas.latency.measurements import front_of_run
from nas.storage.candidates import most_accurate
from nas.storage.ledger import ledger_of
from nas.storage.run.folder import RunFolder
from tests.end_to_end.tiny_search import nas_command
from trainers import load_splits

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


def alone(run: RunFolder) -> Trained:
    """Train the network in this process."""
    config = with_overrides(run.config(), RECIPE)
    best = most_accurate(front_of_run(config, ledger_of(run)[1]))
    assert best is not None
    splits = load_splits(config.data, config.retrain.pixels)
    seed = full_training_seed(config.seed, 0)
    *_, trained = train_in_full(
        best.architecture,
        splits,
        run.task(),
        config.retrain,
        seed=seed,
        device="cpu",
        metric=config.metric,
    )
    assert isinstance(trained, Trained)
    return trained


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
def test_two_processes_train_the_network_that_one_trains(
    finished_run: Path, tmp_path: Path, environment: dict[str, str], killed: bool
) -> None:
    together = tmp_path / "together"
    together.mkdir()
    shutil.copytree(finished_run / "runs", together / "runs", symlinks=True)
    one = alone(RunFolder(together / "runs" / "tiny"))
    with subprocess.Popen(
        nas_command(*retrain(*TOGETHER, "--json")),
        cwd=together,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        if killed:
            deadline = time.monotonic() + 100
            while not list((together / "runs" / "tiny" / "retrain").glob("*/checkpoint.pt")):
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.02)
            first, _ = rank_processes(process)
            first.kill()
        printed, said = process.communicate(timeout=200)
    assert process.returncode == 0, said.decode()
    assert (b"lost its worker" in said) == killed
    (two,) = json.loads(printed)
    assert two["test_accuracy"] == pytest.approx(one.metrics["test_accuracy"], abs=0.02)
    assert losses(together) == pytest.approx([row["train_loss"] for row in one.curve], abs=1e-3)
    model = torch.load(training_folder(together) / "model.pt", weights_only=True)
    weights = model["payload"]["weights"]
    for name, tensor in one.weights.items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-2, atol=1e-3, msg=name)
    events = (training_folder(together) / "tensorboard").glob("events.*")
    assert sum(file.stat().st_size for file in events) > 500
