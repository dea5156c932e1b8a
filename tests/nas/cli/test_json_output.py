"""``--json`` prints strict JSON and nothing else, in every command that has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from nas.cli.application import app
from nas.config.search_config import SearchConfig
from nas.evaluation.evaluate import EvaluationResult
from nas.metrics import COUNTS
from nas.storage.ledger import Ledger
from nas.storage.networks.retraining import pending
from nas.storage.provenance import Provenance
from nas.storage.run.folder import RunFolder
from nas.storage.strict_json import json_text
from search_space.architecture import Task
from tests.hand_driven import HandDriven, costs_from
from tests.nas.conftest import RECIPE, TINY_SPACE

TABLE = """op,width,accuracy,params
conv,4,0.5,100
conv,8,0.6,200
attention,4,0.4,50
attention,8,0.7,150
"""

OF_A_RUN = {
    "status": ["first"],
    "frontier": ["first", "--x", "macs"],
    "diff": ["first"],
    "report": ["first"],
    "retrain": ["first", "--pick", "all"],
    "fidelity": ["first"],
    "zero-cost": ["first", "--scores", "synflow"],
    "runs": [],
    "archive": ["first", "archived"],
    "export": ["first", "--pick", "best", "--format", "safetensors"],
}
OF_NO_RUN = {
    "search": ["search.yaml", "--dry-run", "limits.params=2000"],
    "zoo": ["--filter", "resnet26"],
    "tables": ["sasa1"],
    "describe": ["resnet50"],
    "data": ["search.yaml"],
    "benchmark": [
        "--csv",
        "table.csv",
        "--choices",
        "op,width",
        "--maximize",
        "accuracy",
        "--minimize",
        "params",
        "--samplers",
        "random",
        "--budget",
        "3",
        "--seeds",
        "1",
        "--processes",
        "1",
    ],
}
ELSEWHERE = {
    "ablate",
    "clean",
    "doctor",
    "explain",
    "latency-table",
    "predict",
    "trace",
    "train",
}
"""These have tests of their own, and print by the same method."""


def strict(text: str) -> Any:
    """The value of a strict JSON text."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def counts_in(value: Any) -> list[Any]:
    """Every count under any key of a JSON value."""
    if isinstance(value, list):
        return [count for inner in value for count in counts_in(inner)]
    if not isinstance(value, dict):
        return []
    named = [inner for key, inner in value.items() if key in COUNTS]
    several = [each for inner in named if isinstance(inner, list) for each in inner]
    own = [each for each in (*named, *several) if isinstance(each, int | float)]
    return own + [count for inner in value.values() for count in counts_in(inner)]


@pytest.fixture
def config(config_of: Callable[..., SearchConfig]) -> SearchConfig:
    return config_of(space=TINY_SPACE, proxy=RECIPE)


@pytest.fixture
def search_file(config: SearchConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file ``search.yaml`` in the current folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "search.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    return file


@pytest.fixture
def finished_run(
    config: SearchConfig,
    start: Callable[[SearchConfig], tuple[RunFolder, Ledger]],
    propose_from: Callable[..., HandDriven],
    task: Task,
    monkeypatch: pytest.MonkeyPatch,
) -> RunFolder:
    """A run called first, of whose four architectures all were retrained."""
    run, ledger = start(config)
    run.write_json("task.json", task.model_dump(mode="json"))
    proposals = propose_from(config, ledger)
    for index in range(4):
        proposal = proposals.propose()
        assert proposal is not None
        accuracy = 0.5 + 0.1 * index
        curve = [{"epoch": epoch, "val_accuracy": accuracy} for epoch in (1, 2)]
        costs = {
            name: float(cost)
            for name, cost in costs_from(config, task).of(proposal.architecture).items()
        }
        result = EvaluationResult({"val_accuracy": accuracy}, curve, 1.0)
        proposals.complete(proposal, result.metrics | costs, result, None)
        for training in pending({proposal.architecture: Provenance()}, config, run, ledger):
            ledger.add(
                "retrain",
                training.architecture,
                seed=training.seed,
                metrics={"val_accuracy": accuracy, "test_accuracy": accuracy} | costs,
                curve=curve,
                device_seconds=2.0,
                recipe_id=training.recipe_id,
            )
    monkeypatch.setenv("NAS_RUNS", str(run.path.parent))
    monkeypatch.chdir(run.path.parent.parent)  # where `nas archive` writes
    return run


def test_every_command_with_json_is_called_here() -> None:
    group = typer.main.get_group(app)
    having = {
        name
        for name, command in group.commands.items()
        if any("--json" in parameter.opts for parameter in command.params)
    }
    assert having == {*OF_A_RUN, *OF_NO_RUN, *ELSEWHERE}


def output_of(command: str, *arguments: str) -> Any:
    """The JSON value that a command prints, read strictly."""
    done = CliRunner().invoke(app, [command, *arguments])
    assert done.exit_code == 0, done.output
    return strict(done.stdout)


@pytest.mark.parametrize("command", [name for name in OF_NO_RUN if name != "benchmark"])
def test_standard_output_is_strict_json(search_file: Path, command: str) -> None:
    value = output_of(command, *OF_NO_RUN[command], "--json")
    counts = counts_in(value)
    if command == "search":
        costs = [value["costs"][name] for name in COUNTS]
        counts += [cost[key] for cost in costs for key in ("least", "median", "most")]
    assert counts or command in ("tables", "data")
    assert all(isinstance(count, int) for count in counts)


def test_the_file_of_a_benchmark_is_strict_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(TABLE)
    done = CliRunner().invoke(app, ["benchmark", *OF_NO_RUN["benchmark"], "--json", "out.json"])
    assert done.exit_code == 0, done.output
    (replay,) = strict(Path("out.json").read_text())
    assert all(isinstance(params, int) for _, params in replay["evaluations"])


@pytest.mark.ray
def test_standard_output_is_strict_json_for_a_run(finished_run: RunFolder, tmp_path: Path) -> None:
    """The run's ledger holds counts as floats, as older ledgers do."""
    for command, arguments in OF_A_RUN.items():
        counts = counts_in(output_of(command, *arguments, "--json"))
        assert counts or command in ("zero-cost", "runs", "archive", "report")
        assert all(isinstance(count, int) for count in counts)
    member = json.loads((finished_run.path / "retrain.json").read_text())[0]
    printed = CliRunner().invoke(app, ["describe", member["arch_id"], "--json"]).stdout
    file = tmp_path / "described.json"
    file.write_text(printed)
    assert output_of("describe", str(file), "--json") == strict(printed)


def test_what_describe_prints_can_be_described(tmp_path: Path) -> None:
    command = ["describe", "aa_resnet50_k025", "--image", "3x32x32", "--classes", "7", "--json"]
    value = output_of(*command)
    file = tmp_path / "described.json"
    file.write_text(json.dumps(value))
    assert output_of("describe", str(file), "--json") == value
    file.write_text(json.dumps(value | {"task": {"classes": 7}}))
    refused = CliRunner().invoke(app, ["describe", str(file)])
    assert "task: input_shape: missing" in str(refused.exception).replace("\n  ", " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "null"),
        ([float("inf"), {"a": (-float("inf"), 1)}], '[null,{"a":[null,1]}]'),
        ({"é\x1b[": 0.1 + 0.2, "n": True}, '{"\\u00e9\\u001b[":0.30000000000000004,"n":true}'),
    ],
)
def test_json_has_no_number_that_is_not_finite(value: Any, text: str) -> None:
    assert json_text(value, indent=None).replace(", ", ",").replace(": ", ":") == text
