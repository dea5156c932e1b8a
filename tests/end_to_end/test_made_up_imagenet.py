"""A set in ImageNet's layout trains from disk, in two processes, and goes on exactly."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from tests.end_to_end.tiny_search import ROOT, SPACE, command_in, nas_command, read_json

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CLASSES = 1000
DAMAGED = 3


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand classes of three train images and one validation image, of odd sizes."""
    folder = tmp_path_factory.mktemp("imagenet")
    rng = np.random.default_rng(0)
    for label in range(CLASSES):
        for part, count in (("train", 3), ("val", 1)):
            own = folder / part / f"n{label:08}"
            own.mkdir(parents=True)
            for number in range(count):
                width, height = (int(side) for side in rng.integers(20, 90, 2))
                pixels = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(own / f"{part}_{label}_{number}.JPEG")
    for label in range(DAMAGED):
        file = folder / "train" / f"n{label:08}" / f"train_{label}_0.JPEG"
        file.write_bytes(file.read_bytes()[:200])
    return folder


def config_in(folder: Path, imagenet: Path, recipe: str) -> Path:
    overrides = {
        "epochs": 1,
        "batch_size": 64,
        "normalization_images": 16,
        "schedule": {"name": "constant"},
    }
    content: dict[str, Any] = yaml.safe_load((ROOT / "configs" / "recipes" / recipe).read_text())
    content |= overrides
    settings = {
        "name": "made_up",
        "space": SPACE,
        "data": {
            "name": "imagenet",
            "path": str(imagenet),
            "image_size": [64, 64],
            "skip_damaged": True,
            "decoding": "each_use",
            "loader_processes": 1,
        },
        "sampler": {"name": "random"},
        "search": {"n_trials": 1},
        "proxy": {"epochs": 1, "batch_size": 64, "learning_rate": 0.1},
        "retrain": content,
        "resources": {"workers_per_training": 2, "checkpoint_minutes": 0.01},
    }
    file = folder / "made_up.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


def weights(folder: Path) -> dict[str, torch.Tensor]:
    (model,) = (folder / "runs" / "made_up" / "retrain").glob("*/model.pt")
    return dict(torch.load(model, weights_only=True)["payload"]["weights"])


@pytest.mark.parametrize("recipe", ["sasa_imagenet.yaml", "aacn_imagenet_resnet.yaml"])
def test_it_trains_by_the_papers_recipes_and_goes_on_exactly(
    imagenet: Path, tmp_path: Path, environment: dict[str, str], recipe: str
) -> None:
    command = ["train", "resnet18@0.0625", config_in(tmp_path, imagenet, recipe)]
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    killed.mkdir()
    (whole,) = read_json(command_in(undisturbed, environment, *command, "--json"))
    kill_after_a_state(command, killed, environment, run="made_up")
    (resumed,) = read_json(command_in(killed, environment, *command, "--json"))
    assert resumed["test_accuracy"] == whole["test_accuracy"]
    first, second = weights(undisturbed), weights(killed)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_it_is_listed_whole(imagenet: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    config = config_in(tmp_path, imagenet, "sasa_imagenet.yaml")
    report = read_json(command_in(tmp_path, environment, "data", config, "--json"))
    assert report["parts"]["train"]["images"] == 3 * CLASSES
    assert report["parts"]["train"]["classes"] == CLASSES
    assert any(f"{DAMAGED} images that cannot be decoded" in line for line in report["left_out"])
    named = command_in(tmp_path, environment, "data", config, "data.skip_damaged=false")
    assert named.returncode == 1
    for label in range(DAMAGED):
        assert f"train_{label}_0.JPEG" in named.stdout + named.stderr
    a_class = imagenet / "train" / "n00000005"
    shutil.move(a_class, tmp_path)
    missing = command_in(tmp_path, environment, "data", config)
    shutil.move(tmp_path / a_class.name, a_class.parent)  # other tests read the set too
    assert missing.returncode == 1
    assert "n00000005" in missing.stdout + missing.stderr


def test_the_traces_of_the_papers_run_killed_and_resumed_and_plan_their_hours(
    imagenet: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """AACN's Figures 1 and 5 with narrow networks, by recipes of one epoch, in two processes."""
    data = [f"data.path={imagenet}", "data.image_size=[64,64]", "data.skip_damaged=true"]
    shipped = ROOT / "configs" / "traces" / "aacn_figures_1_and_5.yaml"
    plan = read_json(command_in(tmp_path, environment, "trace", shipped, *data, "--plan", "--json"))
    assert plan["trainings_left"] == 12
    assert plan["hours"]["V100"] > plan["hours"]["A100"] > 0
    content = yaml.safe_load(shipped.read_text())
    recipes = shipped.parent
    for family in content["families"]:
        family["networks"] = [f"{family['networks'][0]}@0.125"]
        family.pop("recipes", None)
        if "recipe" in family:
            family["recipe"] = str(one_epoch(recipes / family["recipe"], tmp_path))
    content |= {
        "search_file": str(recipes / content["search_file"]),
        "settings": {"retrain": str(one_epoch(recipes / content["settings"]["retrain"], tmp_path))},
        "images_per_second": {},
    }
    file = tmp_path / "trace.yaml"
    file.write_text(yaml.safe_dump(content))
    resources = ["gpus_per_trial=0", "cpus_per_trial=1", "checkpoint_minutes=0.01"]
    command = ["trace", file, *data, *(f"resources.{each}" for each in resources)]
    command += ["resources.workers_per_training=2", "data.decoding=each_use"]
    kill_after_a_state(command, tmp_path, environment, run=content["name"])
    run = tmp_path / "runs" / content["name"]
    result = read_json(command_in(tmp_path, environment, *command, "--json"))
    assert [point["n"] for point in result["points"]] == [1, 1, 1]
    assert result["published"] == []  # of other widths
    assert (run / "trace.png").read_bytes().startswith(b"\x89PNG")


def kill_after_a_state(
    command: list[Any], folder: Path, environment: dict[str, str], *, run: str
) -> None:
    """Begin a command in a folder, and kill it when a training of its run has saved a state."""
    with subprocess.Popen(
        nas_command(*command),
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 300
        while not list((folder / "runs" / run / "retrain").glob("*/checkpoint.pt")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        os.killpg(process.pid, signal.SIGKILL)
    time.sleep(10)  # Ray's processes end


def one_epoch(recipe: Path, folder: Path) -> Path:
    """Write a shipped recipe with a single short epoch."""
    content = yaml.safe_load(recipe.read_text())
    content |= {
        "epochs": 1,
        "batch_size": 64,
        "normalization_images": 16,
        "schedule": {"name": "constant"},
    }
    file = folder / recipe.name
    file.write_text(yaml.safe_dump(content))
    return file
