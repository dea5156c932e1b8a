"""A trace is sent with every file that it names, and reads back as the same trace."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nas.config.trace import load_trace
from nas.workflows.staging.staged_trace import stage_trace
from search_space.zoo import network
from tests.end_to_end.tiny_search import RECIPE, ROOT, write_search

TRACES = sorted((ROOT / "configs" / "traces").glob("*.yaml"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "staged"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("file", TRACES, ids=lambda file: file.stem)
def test_every_trace_that_ships_reads_back(file, folder):
    stage_trace(file, [], folder)
    before, after = load_trace(file), load_trace(folder / "trace.yaml")
    assert after.every_recipe == before.every_recipe
    assert after.search.retrain_seeds == before.search.retrain_seeds
    for one, other in zip(before.config.families, after.config.families, strict=True):
        assert (one.name, one.run, one.pick) == (other.name, other.run, other.pick)
        assert len(one.networks) == len(other.networks)


def test_files_keep_their_names_which_are_shown(tmp_path, folder):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.json").write_text(network("resnet20@0.5").canonical_json())
    (tmp_path / "short.yaml").write_text(yaml.safe_dump(RECIPE | {"epochs": 1}))
    write_search(tmp_path / "tiny.yaml")
    trace = {
        "name": "t",
        "title": "t",
        "search_file": "tiny.yaml",
        "settings": {"retrain_seeds": 2},
        "families": [
            {
                "name": "mine",
                "networks": ["a/mine.json", "resnet20"],
                "recipe": "short.yaml",
                "recipes": {"a/mine.json": "short.yaml"},
            },
            {"name": "searched", "run": "one", "search": ["proxy=short.yaml", "seed=3"]},
        ],
    }
    file = tmp_path / "trace.yaml"
    file.write_text(yaml.safe_dump(trace))
    job = stage_trace(file, ["retrain_seeds=4"], folder)
    assert (job.command, job.run, job.words) == ("trace", "t", ["trace.yaml"])
    after = load_trace(folder / "trace.yaml")
    named, searched = after.config.families
    assert named.networks == ("files/0/mine.json", "resnet20")
    assert after.recipe_of(named, "files/0/mine.json").epochs == 1
    assert after.search.retrain_seeds == 4
    assert after.search.ray.address == "auto"
    assert f"proxy={folder / 'files' / '1' / 'short.yaml'}" in after.overrides_of(searched)


def test_no_password_of_a_family_s_search_is_sent(tmp_path, folder):
    write_search(tmp_path / "tiny.yaml")
    words = ["storage=postgresql://me:s3cret@host/db", "seed=3"]
    family = {"name": "searched", "run": "one", "search": words}
    trace = {"name": "t", "title": "t", "search_file": "tiny.yaml", "families": [family]}
    file = tmp_path / "trace.yaml"
    file.write_text(yaml.safe_dump(trace))
    stage_trace(file, [], folder)
    (searched,) = load_trace(folder / "trace.yaml").config.families
    assert searched.search[1:] == ("seed=3",)
    assert searched.search[0].endswith("me@host/db")
    assert not any("s3cret" in each.read_text() for each in folder.rglob("*") if each.is_file())
