"""Two gloo processes train as one does, and go on exactly after they are killed."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from tests.trainers.hybrid import MIXING, hybrid
from tests.trainers.tasks.detection.small_detection import RECIPE as DETECTOR_RECIPE
from tests.trainers.tasks.detection.small_detection import SHAPES, detector
from trainers import DataConfig, Recipe, Training, load_splits
from trainers.checkpoints.checkpoint import load_checkpoint

DATA = {"name": "digits", "train_images": 200, "validation_images": 101, "test_images": 103}
RECIPE = MIXING | {"epochs": 5, "batch_size": 48, "normalization_images": 16}
"""20 steps of 3 groups, of which one process has one and the other two."""


def torchrun(values: dict[str, Any]) -> list[str]:
    return [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "tests.trainers.distributed.program", json.dumps(values)),
    ]


def run(values: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        torchrun(values), capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return load_checkpoint(Path(values["out"]))


def kill_all(pid: int) -> None:
    """Kill torchrun and its workers at once, and wait until they are gone."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for each in processes:
        each.kill()
    psutil.wait_procs(processes, timeout=20)


def alone(groups_at_once: int | None) -> tuple[dict[str, Any], list[float]]:
    splits = load_splits(DataConfig.model_validate(DATA))
    training = Training(
        hybrid(),
        splits,
        Recipe.model_validate(RECIPE),
        seed=3,
        groups_at_once=groups_at_once,
    )
    while not training.done:
        training.run_epoch()
    metrics = training.report("test").metrics
    return training.state_dict(), [metrics.images, metrics.accuracy, metrics.loss]


def close(first: Any, second: Any) -> None:
    """Compare nested tensors up to rounding."""
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, rtol=1e-3, atol=1e-4, msg=name)


def equal(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[k], second[k]) for k in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(equal, first, second))
    return bool(first == second)


def without_times(state: dict[str, Any]) -> dict[str, Any]:
    rows = [
        {key: value for key, value in row.items() if not key.endswith("seconds")}
        for row in state["curve"]
    ]
    return {**state, "curve": rows, "unfinished_epoch": {}}


def test_two_processes_and_one_by_groups_or_whole_train_the_same_network(tmp_path: Path) -> None:
    both = run({"data": DATA, "recipe": RECIPE, "out": str(tmp_path / "out.pt")})
    for groups_at_once in (None, 1):
        state, (images, accuracy, loss) = alone(groups_at_once)
        close(state["model"], both["model"])  # weights and running statistics
        close(state["averaged_weights"], both["averaged_weights"])
        assert both["test"][0] == images == 103  # each image is counted once
        assert both["test"][1] == pytest.approx(accuracy, abs=1 / 103)
        assert both["test"][2] == pytest.approx(loss, abs=1e-3)
        for here, there in zip(state["curve"], both["curve"], strict=True):
            assert there["train_loss"] == pytest.approx(here["train_loss"], abs=1e-4)
            assert there["train_accuracy"] == pytest.approx(here["train_accuracy"], abs=0.02)
            assert there["validation"]["images"] == 101


def test_two_processes_train_a_detector_as_one_does(tmp_path: Path) -> None:
    values = {"network": "detector", "data": SHAPES, "recipe": DETECTOR_RECIPE}
    both = run(values | {"out": str(tmp_path / "out.pt")})
    training = Training(
        detector(),
        load_splits(DataConfig.model_validate(SHAPES)),
        Recipe.model_validate(DETECTOR_RECIPE),
        seed=3,
    )
    while not training.done:
        training.run_epoch()
    close(training.model.state_dict(), both["model"])
    metrics = training.report("test").metrics
    assert both["test"] == pytest.approx([7, metrics.score, metrics.loss], rel=1e-2, abs=1e-3)
    for here, there in zip(training.curve, both["curve"], strict=True):
        assert there["train_loss"] == pytest.approx(here.train_loss, rel=1e-3)
        assert there["validation"]["images"] == 9


@pytest.mark.slow
def test_killed_at_random_steps_they_go_on_exactly(tmp_path: Path) -> None:
    values = {"data": DATA, "recipe": RECIPE, "steps": 3}
    undisturbed = run(values | {"out": str(tmp_path / "undisturbed.pt")})
    checkpoint, out = tmp_path / "checkpoint.pt", tmp_path / "out.pt"
    values |= {"out": str(out), "checkpoint": str(checkpoint)}
    chosen = random.Random(0)
    for _ in range(2):
        with subprocess.Popen(
            torchrun(values),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
            deadline = time.monotonic() + 100
            while not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(chosen.uniform(0, 0.05))
            kill_all(process.pid)
    resumed = run(values)
    assert equal(without_times(resumed), without_times(undisturbed))


@pytest.mark.slow
def test_processes_that_differ_say_what_differs(tmp_path: Path) -> None:
    values = {"data": DATA, "recipe": RECIPE, "seeds": [3, 4], "out": str(tmp_path / "out.pt")}
    done = subprocess.run(
        torchrun(values), capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode != 0
    assert (
        "processes that train together must have the same seed: process 0 has 3, process 1 has 4"
        in done.stderr
    )
    assert not (tmp_path / "out.pt").exists()


@pytest.mark.slow
def test_the_documented_program_runs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text("utf-8")
    (program,) = re.findall(r"```python\n(# train.py: .*?)```", page, re.DOTALL)
    (tmp_path / "train.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "train.py"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    epochs = [line.split() for line in done.stdout.splitlines()]
    assert [epoch for epoch, _ in epochs] == ["1", "2", "3"]
    assert float(epochs[-1][1]) > 0.5
