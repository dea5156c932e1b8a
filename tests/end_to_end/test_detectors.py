"""Detectors are searched, retrained, reported and killed as classifiers are, and judged by mAP."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
import yaml

from nas.storage.networks.network_file import load_network
from tests.end_to_end.tiny_search import command_in, nas_command, query, read_json
from tests.nas.tiny_detectors import CONVOLUTIONS, RECIPE, SEARCH
from tests.nas.words_of_detectors import wrong_words

pytestmark = pytest.mark.ray


def write(folder: Path) -> Path:
    path = folder / "boxes.yaml"
    path.write_text(yaml.safe_dump(SEARCH | {"space": CONVOLUTIONS}))
    return path


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """A folder with a search of three detectors, ``output.txt`` and what was retrained of it."""
    folder = tmp_path_factory.mktemp("boxes")
    for words in (("search", write(folder)), ("retrain", "boxes", "--pick", "knee-or-best")):
        done = command_in(folder, environment, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        with (folder / "output.txt").open("a") as file:
            file.write(done.stdout + done.stderr)
    return folder


def test_a_search_of_detectors_says_map_from_its_start_to_the_report(searched: Path) -> None:
    printed = (searched / "output.txt").read_text()
    assert wrong_words(printed) == []
    for text in ("trials 3/3", "Pareto front: val_map against params", "best mAP ", "test mAP"):
        assert text in printed
    front = read_json(query(searched, "frontier", "boxes", "--json"))
    assert front == json.loads((searched / "runs/boxes/front.json").read_text()) | {"beside": []}
    assert all(0 <= member["val_map"] <= 1 for member in front["members"])
    (row,) = json.loads((searched / "runs/boxes/retrain.json").read_text())
    assert 0 <= row["test_map"] <= 1
    assert row["arch_id"] in {member["arch_id"] for member in front["members"]}
    assert query(searched, "report", "boxes", "-o", "boxes.html").returncode == 0
    page = re.sub(
        r"<(script|style|pre)\b.*?</\1>",
        "",
        (searched / "boxes.html").read_text(),
        flags=re.DOTALL,
    )
    assert "validation mAP" in page
    assert wrong_words(page) == []


@pytest.mark.slow
def test_a_killed_training_of_a_detector_gives_the_same_weights(
    searched: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """SIGKILL of the driver and its workers in the middle of a full training, then once more."""
    shutil.copytree(searched / "runs", tmp_path / "runs", symlinks=True)
    epochs = f"retrain.epochs={RECIPE['epochs'] * 150}"
    command = ("retrain", "boxes", epochs, "--pick", "best")
    process = subprocess.Popen(
        nas_command(*command),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 200
    while not list(tmp_path.glob("runs/boxes/retrain/*/checkpoint.pt")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    weights = []
    for folder in (tmp_path, searched):
        done = command_in(folder, environment, *command)
        assert done.returncode == 0, done.stderr
        newest = max(folder.glob("runs/boxes/retrain/*/model.pt"), key=os.path.getmtime)
        weights.append(load_network(newest).model.state_dict())
    killed, whole = weights
    assert killed.keys() == whole.keys()
    assert all(torch.equal(killed[name], whole[name]) for name in whole)
