"""A run's folder from before the modules moved is read as it was written.

``run_before_the_move.tar.gz`` is such a folder, of commit 8c2b9a5: four trials, two repeats of the
front and one full training of digits, without pictures.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
import torch

from nas.storage.networks.network_file import load_network
from tests.end_to_end.tiny_search import query, read_json

ARCHIVE = Path(__file__).with_name("run_before_the_move.tar.gz")
ARCH_ID = "2982b6578dcb"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder / "runs", filter="data")
    return folder


def test_its_trials_and_front_are_read(runs: Path) -> None:
    status = read_json(query(runs, "status", "before-the-move", "--json"))
    assert (status["state"], status["trained"]) == ("finished", 4)
    front = read_json(query(runs, "frontier", "before-the-move", "--json"))
    written = json.loads((runs / "runs" / "before-the-move" / "front.json").read_text())
    assert [member["arch_id"] for member in front["members"]] == [ARCH_ID]
    assert front == written | {"beside": []}


def test_it_is_not_trained_again(runs: Path) -> None:
    done = query(runs, "retrain", "before-the-move", "--pick", "best", "--trust")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "everything asked for was retrained before" in done.stdout
    assert "18.51%" in done.stdout  # its test accuracy


def test_its_search_and_its_recipe_are_not_continued(runs: Path) -> None:
    file = runs / "search.yaml"
    content = (runs / "runs" / "before-the-move" / "config.yaml").read_text()
    file.write_text(content)
    refused = query(runs, "search", file, "name=before-the-move", "--resume")
    assert refused.returncode == 1
    assert "proxy.momentum: unknown key; it is proxy.optimizer.momentum now" in refused.stderr
    more = query(runs, "retrain", "before-the-move", "recipe.batch_size=1000", "--trust")
    assert more.returncode == 1
    assert "recipe.batch_size must be at most the number of train images" in more.stderr


def test_its_network_is_loaded(runs: Path) -> None:
    (file,) = (runs / "runs" / "before-the-move" / "retrain").glob("*/model.pt")
    network = load_network(file)
    assert network.architecture.arch_id == ARCH_ID
    assert network.model(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert network.record is not None
    assert network.record.accuracies.test.mean == pytest.approx(0.18507890961262555)
