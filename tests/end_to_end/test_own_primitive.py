"""The README's primitive of one's own, from its file to a search that trains it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from nas.config.files import load_config, load_saved_config
from nas.search.problem import space_of
from nas.storage.ledger import ledger_of
from nas.storage.run.folder import RunFolder
from search_space.architecture import Task
from search_space.cost import count_module, network_costs
from search_space.networks import build
from search_space.yaml_validation import ConfigError
from tests.end_to_end.tiny_search import README, blocks, command_in, read_json

SECTION = README.partition("### A primitive of your own\n")[2].partition("\n## ")[0]
OWN = "separable:Separable"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The README's two files, in a folder that is not the working one."""
    folder = tmp_path / "project"
    folder.mkdir()
    (module,), (config,) = blocks("python", SECTION), blocks("yaml", SECTION)
    (folder / "separable.py").write_text(module)
    (folder / "own.yaml").write_text(config)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "separable", raising=False)
    return folder


def test_it_is_short():
    assert len(SECTION.splitlines()) < 40


def test_its_networks_are_built_and_costed(project):
    space = space_of(load_config(project / "own.yaml"))
    task = Task(input_shape=(1, 8, 8), classes=10)
    with_own = [each for each in space.architectures() if OWN in each.primitive_types()]
    assert len(with_own) > 50
    network = build(with_own[0], task, seed=0)
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    costs = network_costs(with_own[0], task)
    assert (costs.params, costs.macs, costs.activations) == count_module(network, (1, 8, 8))


@pytest.mark.ray
@pytest.mark.slow
def test_a_search_trains_it_wherever_the_command_runs(project, environment):
    folder = project.parent
    done = command_in(
        folder,
        environment,
        "search",
        "project/own.yaml",
        "search.n_trials=2",
        "search.finalist_seeds=1",
        "proxy.epochs=1",
        "data.train_images=100",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    config, ledger = ledger_of(RunFolder(folder / "runs" / "own"))
    assert config.modules == str(project)
    trained = [row for row in ledger.evaluations("search") if row.state == "complete"]
    assert len(trained) == 2
    assert all(OWN in row.architecture.primitive_types() for row in trained)
    # read from a third folder, by a process that has not seen the module
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()
    listed = command_in(elsewhere, environment, "frontier", folder / "runs" / "own", "--json")
    assert read_json(listed)


@pytest.mark.parametrize("named", ["in the file", "in an override", "PYTHONPATH", "nowhere"])
def test_the_module_may_lie_elsewhere(project, monkeypatch, named):
    library = project / "library"
    library.mkdir()
    (project / "separable.py").rename(library / "separable.py")
    overrides = []
    if named == "in the file":
        with (project / "own.yaml").open("a") as config:
            config.write("modules: library\n")
    elif named == "in an override":
        monkeypatch.chdir(project.parent)
        overrides = ["modules=project/library"]
    elif named == "PYTHONPATH":
        monkeypatch.syspath_prepend(library)
    else:
        monkeypatch.chdir(library)
    assert space_of(load_config(project / "own.yaml", overrides)).size > 50


def test_what_is_not_trusted_names_no_folder_to_import_from(project):
    text = (project / "own.yaml").read_text().replace(OWN, "conv") + f"modules: {project}\n"
    (project / "own.yaml").write_text(text)
    assert load_saved_config(project / "own.yaml", trusted=True).modules == str(project)
    assert load_saved_config(project / "own.yaml", trusted=False).modules is None
    (project / "own.yaml").write_text(text.replace("conv", OWN, 1))
    with pytest.raises(ConfigError, match="--trust"):
        load_saved_config(project / "own.yaml", trusted=False)
    assert str(project) not in sys.path
