"""A whole small space as a table: configuration, journal, file, and the one that ships."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from nas.benchmark.csv_table import read_cells
from nas.benchmark.tabulation import MAY_CHANGE, all_costs, all_entries, table_text, write_table
from nas.cli.main import main
from nas.config.tabulation import TabulationConfig, load_tabulation
from nas.errors import RunError
from nas.evaluation.assignment import Assignment
from nas.ray.tabulate import _row
from nas.storage.run.journal import open_journal
from search_space.architecture import Task
from search_space.yaml_validation import ConfigError
from trainers import MAY_BE_EARLIER, DataConfig, Recipe, SavedRecipe

ROOT = Path(__file__).parents[3]
DIGITS = Task(dataset="digits", input_shape=(1, 8, 8), classes=10)

SPACE: dict[str, Any] = {
    "name": "two",
    "block": "basic",
    "stem": {"type": "conv", "kernel": 3, "stride": 2, "pool": False, "width": 4},
    "stages": [
        {
            "depth": 1,
            "width": 4,
            "primitive": [
                {"type": "conv", "kernel": 1},
                {"type": "local_attention", "extent": 3, "heads": 1},
            ],
        }
    ],
}
DATA = {"name": "digits", "train_images": 50, "validation_images": 50}
RECIPE = {"epochs": 2, "batch_size": 50, "learning_rate": 0.05}
COMMAND = "nas tabulate two.yaml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A tabulation of two architectures with two seeds, its space and recipe in their own files."""
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    description = {"name": "two", "space": "space.yaml", "recipe": "recipe.yaml", "seeds": [0, 7]}
    path = tmp_path / "two.yaml"
    path.write_text(yaml.safe_dump(description | {"data": DATA}))
    return path


def invented(config: TabulationConfig) -> list[dict[str, Any]]:
    """Add a row of every training."""
    return [
        {"arch_id": entry.architecture.arch_id, "seed": entry.seed, "machine": "abacus, 9 wires"}
        | {"train_seconds": 1.236, "val_accuracy": 0.5 + number / 100}
        | {"curve": [[1, 0.1], [2, 0.5 + number / 100]]}
        for number, entry in enumerate(all_entries(config))
    ]


def journal_file(path: Path, config: TabulationConfig, rows: list[dict[str, Any]]) -> Path:
    with open_journal(path, config, COMMAND) as journal:
        for row in rows:
            journal.add(row)
    return path


def text_of(config: TabulationConfig, path: Path) -> str:
    with open_journal(path, config, "another command") as journal:
        return table_text(config, journal, all_costs(config, DIGITS))


def nas(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Run the command and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["nas", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_table_has_a_row_an_architecture_and_says_how_it_was_made(file: Path) -> None:
    config = load_tabulation(file)
    journal = journal_file(file.with_name("journal"), config, invented(config))
    out = file.with_name("two.csv.gz")
    write_table(out, text_of(config, journal))
    table = read_cells(out)
    assert table.header == [
        *["stage1.type", "arch_id", "params", "macs", "activations"],
        *["val_accuracy_seed0", "train_seconds_seed0"],
        *["val_accuracy_seed0_epoch1", "val_accuracy_seed0_epoch2"],
        *["val_accuracy_seed7", "train_seconds_seed7"],
        *["val_accuracy_seed7_epoch1", "val_accuracy_seed7_epoch2"],
    ]
    assert sorted(table.column("stage1.type")) == ["conv", "local_attention"]
    ids = [architecture.arch_id for architecture in config.search_space().architectures()]
    assert table.column("arch_id") == ids
    place = 2 * sorted(ids).index(ids[0])  # of its first training, among those by arch_id
    assert table.rows[0][5:9] == [f"0.{50 + place}00", "1.24", "0.1000", f"0.{50 + place}00"]
    assert table.rows[0][9] == f"0.{51 + place}00"
    assert table.comments[0] == COMMAND
    assert f"space: two, 2 architectures, sha256 {config.description_id}" in table.comments
    assert "machine: abacus, 9 wires (4 trainings)" in table.comments
    assert "failed trainings: 0 of 4" in table.comments


def test_the_same_journal_gives_the_same_bytes(file: Path) -> None:
    config = load_tabulation(file)
    rows = invented(config)
    written = []
    for number, order in enumerate((rows, rows[::-1])):
        journal = journal_file(file.with_name(f"journal{number}"), config, order)
        out = file.with_name(f"{number}.csv.gz")
        write_table(out, text_of(config, journal))
        written.append(out.read_bytes())
    assert written[0] == written[1]


def test_a_training_that_raised_is_named_at_the_head_and_has_no_figures(file: Path) -> None:
    config = load_tabulation(file)
    rows = invented(config)
    kept = {key: rows[1][key] for key in ("arch_id", "seed", "machine", "train_seconds")}
    rows[1] = kept | {"error": "Traceback ...\nTrainingDiverged: the loss is nan\n"}
    out = file.with_name("two.csv.gz")
    journal = journal_file(file.with_name("journal"), config, rows)
    write_table(out, text_of(config, journal))
    table = read_cells(out)
    assert "failed trainings: 1 of 4" in table.comments
    name = f"{kept['arch_id']} seed {kept['seed']}"
    assert f"failed: {name}: TrainingDiverged: the loss is nan" in table.comments
    row = table.rows[table.column("arch_id").index(kept["arch_id"])]
    assert row[9:] == [""] * 4
    assert "" not in row[:9]


def test_a_journal_goes_on_after_a_line_that_was_cut_off(file: Path) -> None:
    config = load_tabulation(file)
    rows = invented(config)
    path = journal_file(file.with_name("journal"), config, rows[:2])
    path.write_text(path.read_text()[:-20])
    journal_file(path, config, rows[2:])
    with open_journal(path, config, COMMAND) as journal:
        assert journal.rows == [rows[0], *rows[2:]]


def test_a_journal_is_of_one_configuration_wherever_it_is_computed(file: Path) -> None:
    config = load_tabulation(file)
    path = journal_file(file.with_name("journal"), config, invented(config))
    elsewhere = load_tabulation(file, ["ray.address=auto", "resources.cpus_per_trial=2"])
    with open_journal(path, elsewhere, COMMAND, may_differ=MAY_CHANGE) as journal:
        assert len(journal.rows) == 4
    for change, message in (
        ("recipe.epochs=3", r"recipe\.epochs was 2, is 3$"),
        ("resources.gpus_per_trial=1", r"resources\.gpus_per_trial was 0\.0, is 1\.0$"),
    ):
        changed = load_tabulation(file, [change])
        with (
            pytest.raises(RunError, match=f"another configuration: {message}"),
            open_journal(path, changed, COMMAND, may_differ=MAY_CHANGE),
        ):
            pass


def damaged(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{", *lines[1:]]) + "\n")


def not_ours(path: Path) -> None:
    path.write_text('{"a": 1}\n')


@pytest.mark.parametrize(
    ("damage", "message"),
    [(damaged, "line 2: not JSON"), (not_ours, "line 1: must have a command")],
)
def test_another_file_is_not_taken_for_a_journal(
    file: Path, damage: Callable[[Path], None], message: str
) -> None:
    config = load_tabulation(file)
    path = journal_file(file.with_name("journal"), config, invented(config))
    damage(path)
    before = path.read_text()
    with pytest.raises(RunError, match=message), open_journal(path, config, COMMAND):
        pass
    assert path.read_text() == before


def test_a_journal_has_one_writer(file: Path) -> None:
    config = load_tabulation(file)
    path = file.with_name("journal")
    with (
        open_journal(path, config, COMMAND),
        pytest.raises(RunError, match="is being written by another process"),
        open_journal(path, config, COMMAND),
    ):
        pass


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seeds=[1,1]", r"seeds must be distinct and not negative, got \[1, 1\]"),
        ("recipe.epoch=3", "recipe.epoch"),
        ("space.stages=[]", "space"),
        (
            f"space={ROOT / 'configs/spaces/digits.yaml'}",
            "at most 20,000 architectures are tabulated, got 160,308",
        ),
    ],
)
def test_a_wrong_configuration_is_refused(file: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_tabulation(file, [override])


def test_a_space_that_cannot_take_the_images_is_refused(file: Path) -> None:
    stem = {"type": "attention", "block": 4, "heads": 1, "width": 4}
    config = load_tabulation(file).replace(space=SPACE | {"stem": stem})
    with pytest.raises(ConfigError, match="space: "):
        all_costs(config, Task(input_shape=(1, 6, 6), classes=10))


def test_what_a_training_raises_is_its_row(file: Path) -> None:
    config = load_tabulation(file)
    recipe = config.recipe.model_copy(update={"learning_rate": 1e30})
    text = next(config.search_space().architectures()).canonical_json()

    def row(recipe: Recipe) -> dict[str, Any]:
        assignment = Assignment(config.data, DIGITS, recipe, "accuracy", "cpu", 1)
        return json.loads(json.dumps(_row(text, 0, assignment, text)))

    assert "TrainingDiverged" in row(recipe)["error"]
    good = row(config.recipe)
    assert [epoch for epoch, _ in good["curve"]] == [1, 2]
    assert good["curve"][-1][1] == good["val_accuracy"]
    assert good == row(config.recipe) | {"train_seconds": good["train_seconds"]}


@pytest.mark.slow
@pytest.mark.ray
def test_the_command_trains_what_its_journal_lacks(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load_tabulation(file)
    known = invented(config)[:2]
    journal = journal_file(file.with_name("out.journal.jsonl"), config, known)
    out = file.with_name("out.csv.gz")
    assert nas(monkeypatch, "tabulate", file, "--out", out) == 0
    rows = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
    assert rows[:2] == known
    assert {(row["arch_id"], row["seed"]) for row in rows} == {
        entry.key for entry in all_entries(config)
    }
    assert read_cells(out).comments[0] == COMMAND  # which began its journal
    assert "2 architectures, 2 seeds" in capsys.readouterr().out
    before = out.read_bytes()
    assert nas(monkeypatch, "tabulate", file, "--out", out) == 0  # nothing is left to train
    assert out.read_bytes() == before


def test_the_whole_command_is_recorded(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = file.with_name("out.csv.gz")
    nowhere = "ray.address=127.0.0.1:1"
    assert nas(monkeypatch, "tabulate", file, "--out", out, nowhere) == 1  # once it is recorded
    head = json.loads(file.with_name("out.journal.jsonl").read_text())
    assert head["command"] == f"nas tabulate {file} {nowhere} --out {out}"


def test_the_table_is_named_for_its_format(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nas(monkeypatch, "tabulate", file, "--out", "table.csv") == 1
    assert "--out must end in .csv.gz, got 'table.csv'" in capsys.readouterr().err


def test_the_table_that_ships_is_that_of_its_configuration() -> None:
    config = load_tabulation(ROOT / "configs" / "tabulations" / "digits.yaml")
    table = read_cells(ROOT / "nas" / "tables" / "digits.csv.gz")
    made = "nas tabulate configs/tabulations/digits.yaml --out nas/tables/digits.csv.gz"
    assert table.comments[0] == made
    head = dict(line.split(": ", 1) for line in table.comments if ": " in line)
    assert head["space"].endswith(config.description_id)
    assert DataConfig.model_validate_json(head["data"]) == config.data
    # an earlier version made it, by the same settings
    recipe = TypeAdapter(SavedRecipe).validate_json(head["recipe"], context=MAY_BE_EARLIER)
    assert recipe.model_dump() == config.recipe.model_dump()
    assert head["failed trainings"] == "0 of 1440"
    costs = all_costs(config, DIGITS)
    assert table.column("arch_id") == list(costs)
    for name in ("params", "macs", "activations"):
        assert [int(cell) for cell in table.column(name)] == [c[name] for c in costs.values()]
