"""A file in a run's folder finds the modules of the run's own types, from any working folder."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nas.cli.commands.networks.attention_maps import show_attention_maps
from nas.cli.commands.networks.describe import show_architectures
from nas.cli.commands.tools.benchmark_source import Source, read_source
from nas.cli.commands.train.predict import show_predictions
from nas.cli.commands.train.predicting.predictor import PredictOptions
from nas.cli.output import Output
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.config.trust import list_run, state_file
from nas.errors import CommandError, TrustError
from nas.storage.networks.network_file import save_network
from nas.storage.run.folder import RunFolder
from search_space import own_modules
from search_space.architecture import Architecture, Task
from search_space.networks import build
from search_space.primitives.registry import IMPORTS
from search_space.yaml_validation import ConfigError
from tests.nas.storage.test_saved_network import NETWORK, RECORD
from trainers import CheckpointError

MODULE = """
from typing import Literal
from torch import nn
from search_space.primitives import Primitive

class Plain(Primitive):
    type: Literal["own_plain:Plain"] = "own_plain:Plain"

    @property
    def label(self):
        return "plain"

    def build(self, in_channels, out_channels, stride, input_hw):
        return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
"""
OWN = {"type": "own_plain:Plain"}
OUTPUT = Output(file=io.StringIO())


@pytest.fixture
def run(
    tmp_path: Path,
    task: Task,
    config_of: Callable[..., SearchConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> RunFolder:
    """A listed run whose own type lies beside its configuration, with a network of that type."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    before = list(sys.path)
    monkeypatch.setattr(sys, "path", list(before))
    monkeypatch.delitem(sys.modules, "own_plain", raising=False)
    project = tmp_path / "project"
    project.mkdir()
    (project / "own_plain.py").write_text(MODULE)
    data: dict[str, Any] = config_of().model_dump(mode="json")
    data["space"]["stages"][0]["primitive"] = [OWN]
    (project / "own.yaml").write_text(json.dumps(data))
    run = RunFolder.create(tmp_path / "runs", load_config(project / "own.yaml"))
    list_run(run.config_file)
    stages = [NETWORK["stages"][0] | {"blocks": [OWN]}]
    architecture = Architecture.model_validate_json(
        json.dumps(NETWORK | {"stages": stages}), context={IMPORTS: True}
    )
    weights = build(architecture, task, seed=0).state_dict()
    save_network(run.path / "model.pt", architecture, task, weights, RECORD)
    (run.path / "architecture.json").write_text(architecture.canonical_json())
    # from here on it is as in a process of its own, which has seen nothing of the project
    sys.modules.pop("own_plain")
    monkeypatch.setattr(sys, "path", before)
    monkeypatch.setattr(own_modules, "_folders", [])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return run


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "digit.png"
    Image.linear_gradient("L").save(path)
    return path


def predict(run: RunFolder, picture: Path, *, trust: bool = False) -> str:
    """Return the output of ``nas predict --json``."""
    printed = io.StringIO()
    output = Output(as_json=True, file=printed)
    assert show_predictions(
        output,
        str(run.path / "model.pt"),
        [picture],
        PredictOptions(None, None, None, None),
        batch=1,
        trust=trust,
    )
    return printed.getvalue()


def draw(run: RunFolder, picture: Path) -> None:
    image = str(picture)
    model = run.path / "model.pt"
    show_attention_maps(OUTPUT, model, image=image, pixels="", layer="", png=None)


def test_a_trusted_runs_own_type_is_found_by_predict(run: RunFolder, picture: Path) -> None:
    assert json.loads(predict(run, picture))[0]["predictions"]


def test_a_trusted_runs_own_type_is_found_by_attention_maps(run: RunFolder, picture: Path) -> None:
    with pytest.raises(CommandError, match="attention"):  # it is loaded, and has none to draw
        draw(run, picture)


def test_a_trusted_runs_own_type_is_found_by_describe(run: RunFolder) -> None:
    file = str(run.path / "architecture.json")
    printed = io.StringIO()
    shown = {"image": "", "classes": None, "kernels": False}
    show_architectures(Output(file=printed), [file], run.path.parent, **shown)
    assert "plain" in printed.getvalue()


def test_a_trusted_runs_own_type_is_found_by_benchmark(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = json.dumps(dict(run.config().space))
    table = run.path / "table.csv"
    table.write_text(f"# space description: {space}\narch_id\n0\n")
    monkeypatch.setattr(own_modules, "_folders", [])
    with pytest.raises(CommandError, match="there is no column"):  # the space was read before
        read_source(Source(None, None, table, "", "", "", ""))
    state_file().unlink()
    sys.modules.pop("own_plain")
    with pytest.raises(ConfigError, match="own_plain"):
        read_source(Source(None, None, table, "", "", "", ""))


def test_a_run_that_is_not_trusted_imports_nothing(
    run: RunFolder, picture: Path, tmp_path: Path
) -> None:
    state_file().unlink()
    with pytest.raises(TrustError, match=r"'own_plain'.*--trust"):
        predict(run, picture)
    assert str(tmp_path / "project") not in sys.path
    assert predict(run, picture, trust=True)


@pytest.mark.parametrize("command", [predict, draw])
def test_a_module_that_is_gone_is_told_with_where_it_was_looked_for(
    run: RunFolder, picture: Path, tmp_path: Path, command: Callable[[RunFolder, Path], object]
) -> None:
    (tmp_path / "project" / "own_plain.py").unlink()
    with pytest.raises(CheckpointError) as caught:
        command(run, picture)
    message = str(caught.value)
    assert "model.pt: its architecture's primitive type 'own_plain:Plain'" in message
    assert "No module named 'own_plain'" in message
    assert str(tmp_path / "elsewhere") in message
    assert str(tmp_path / "project") in message
    assert "set PYTHONPATH to the folder that holds 'own_plain'" in message
    assert "another version" not in message


def test_a_configuration_that_cannot_be_read_stops_no_network_of_built_in_types(
    run: RunFolder, task: Task, picture: Path, caplog: pytest.LogCaptureFixture
) -> None:
    built_in = Architecture.from_json(json.dumps(NETWORK))
    weights = build(built_in, task, seed=0).state_dict()
    save_network(run.path / "model.pt", built_in, task, weights, RECORD)
    run.config_file.write_text("modules: [1]\n")
    assert predict(run, picture, trust=True)
    assert "modules: must be a folder's path, got [1]" in caplog.text
