"""A submission sends a resolved search that reads back equal, and no path of this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from nas.config.files import load_config, load_saved_config
from nas.config.sections import RaySettings
from nas.errors import CommandError
from nas.workflows.staging.places import check_run_name, check_runs
from nas.workflows.staging.staged_job import stage_retrain, stage_search
from search_space.yaml_validation import ConfigError
from tests.end_to_end.tiny_search import ROOT, write_search

CONFIGS = ROOT / "configs"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "staged"
    folder.mkdir()
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_search(tmp_path / "tiny.yaml")


def sent(folder: Path) -> str:
    return "".join(file.read_text() for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    "file", sorted((CONFIGS / "searches").glob("*.yaml")), ids=lambda f: f.stem
)
def test_every_search_that_ships_is_sent_whole(file, folder):
    job = stage_search(file, ["search.n_trials=3"], folder)
    staged = load_saved_config(folder / "config.yaml", trusted=True)
    own = load_config(file, ["search.n_trials=3"])
    assert staged == own.replace(ray=RaySettings(address="auto"))
    assert (job.command, job.run) == ("search", own.name)
    assert [path.name for path in folder.iterdir()] == ["config.yaml"]


def test_paths_go_as_they_are_written(tiny, folder, tmp_path):
    """A link on this machine is no link on the cluster."""
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    data = f"data={{name: image_folder, path: {tmp_path / 'link'}, image_size: [8, 8]}}"
    job = stage_search(tiny, [data], folder)
    staged = yaml.safe_load((folder / "config.yaml").read_text())
    assert staged["data"]["path"] == str(tmp_path / "link")
    assert job.on_head == job.on_nodes == {"data.path": str(tmp_path / "link")}


def test_images_that_the_driver_sends_are_needed_on_the_head_alone(tiny, folder):
    data = "data={name: parquet, path: /data/a.parquet, decoding: once, image_size: [8, 8]}"
    job = stage_search(tiny, [data], folder)
    assert job.on_head == {"data.path": "/data/a.parquet"}
    assert job.on_nodes == {}


def test_an_id_on_the_hub_is_no_path(tiny, folder):
    job = stage_search(tiny, ["data={name: hub, path: owner/name, image_size: [8, 8]}"], folder)
    assert job.on_head == job.on_nodes == {}


def test_every_relative_path_is_told_with_its_key(tiny, folder):
    data = "data={name: image_folder, path: flowers, cache: c, image_size: [8, 8]}"
    words = [data, "storage=sqlite:///all.db", "limits.latency_ms=5", "latency.table=table.json"]
    with pytest.raises(ConfigError) as raised:
        stage_search(tiny, words, folder)
    text = str(raised.value)
    for key, value in (
        ("data.path", "flowers"),
        ("data.cache", "c"),
        ("latency.table", "table.json"),
    ):
        assert f"{key} must be an absolute path that the cluster has" in text
        assert f"got {value!r}" in text
    assert "storage: its file must be an absolute path" in text
    assert not list(folder.iterdir())


def test_a_home_folder_is_no_absolute_path(tiny, folder):
    with pytest.raises(ConfigError, match="got '~/flowers'"):
        stage_search(tiny, ["data={name: parquet, path: ~/flowers, image_size: [8, 8]}"], folder)


def test_runs_and_learned_runs_are_named_by_absolute_paths(tiny, folder):
    with pytest.raises(CommandError, match=r"--runs must be an absolute path .* got 'runs'"):
        check_runs(Path("runs"))
    check_runs(Path("/shared/runs"))
    check_run_name("digits")
    with pytest.raises(CommandError, match="got 'runs/digits'"):
        stage_search(tiny, ["sampler.learn_from=[runs/digits]"], folder)


@pytest.mark.parametrize("place", ["override", "file", "variable"])
def test_no_password_is_sent(tmp_path, folder, monkeypatch, place):
    url = "postgresql+psycopg://nas:s3cret%20w@host/runs"
    monkeypatch.setenv("MY_STORAGE", url)
    written = {"file": {"storage": url}, "variable": {"storage": "${oc.env:MY_STORAGE}"}}
    file = write_search(tmp_path / "tiny.yaml", **written.get(place, {}))
    stage_search(file, [f"storage={url}"] if place == "override" else [], folder)
    assert "s3cret" not in sent(folder)
    staged = load_saved_config(folder / "config.yaml", trusted=True)
    assert staged.storage == "postgresql+psycopg://nas@host/runs"


def test_an_override_of_full_trainings_sends_the_recipe(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("epochs: 3\nbatch_size: 8\n")
    job = stage_retrain("digits", ["recipe=mine.yaml", "recipe.epochs=9"], None, folder)
    assert job.words == ["digits", "recipe=recipe.yaml", "recipe.epochs=9", "ray.address=auto"]
    assert (folder / "recipe.yaml").read_text() == "epochs: 3\nbatch_size: 8\n"
    assert job.needs_run
    with pytest.raises(ConfigError, match="seed: neither of recipe, resources"):
        stage_retrain("digits", ["seed=3"], None, folder)
    for name in ("runs/digits", "/shared/runs/digits", "latest"):
        with pytest.raises(CommandError, match=f"by its name in the folder --runs, got '{name}'"):
            stage_retrain(name, [], None, folder)


def test_modules_of_the_users_own_are_sent_with_those_beside_them(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    source = tmp_path / "project"
    (source / "helpers" / "__pycache__").mkdir(parents=True)
    (source / "helpers" / "__init__.py").write_text("SIZE = 3\n")
    (source / "helpers" / "table.json").write_text("{}")
    (source / "helpers" / "__pycache__" / "old.pyc").write_text("")
    (source / "my_images.py").write_text("from helpers import SIZE\ndef images(seed): ...\n")
    (source / "torch.py").write_text("raise RuntimeError\n")  # the installed one has precedence
    (source / "notes.txt").write_text("not code")
    search = write_search(source / "tiny.yaml", data={"name": "my_images:images"})
    job = stage_search(search, [], folder)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        "config.yaml",
        "helpers/__init__.py",
        "helpers/table.json",
        "my_images.py",
    ]
    assert yaml.safe_load((folder / "config.yaml").read_text())["modules"] is None
    assert job.modules == []


def test_an_installed_module_must_be_installed_on_the_cluster(tmp_path, folder):
    search = write_search(tmp_path / "tiny.yaml", data={"name": "sklearn.datasets:load_digits"})
    assert stage_search(search, [], folder).modules == ["sklearn"]
    assert [path.name for path in folder.iterdir()] == ["config.yaml"]
