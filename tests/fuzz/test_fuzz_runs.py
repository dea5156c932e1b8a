"""Any run is read, or there is one message: its files, and the values and bytes of its ledger."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from nas.cli.commands.query.frontier import FrontQuery, show_frontier
from nas.cli.commands.search.runs import show_runs
from nas.cli.commands.search.status import show_status
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.evaluation.evaluate import EvaluationResult
from nas.search.warm_start import warm_start_of
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Task
from search_space.yaml_validation import read_yaml
from tests.fuzz.attempts import ROUNDS, config_data, output, try_all
from tests.fuzz.mutations import VALUES, mutated_bytes, mutated_data, mutated_json
from tests.hand_driven import HandDriven, problem_from

ROUNDS_HERE = max(1, ROUNDS // 5)
"""A run takes longer to look at."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with six trials, three of them trained."""
    folder = tmp_path_factory.mktemp("fuzz")
    file = folder / "search.yaml"
    file.write_text(json.dumps(config_data() | {"name": "mutated"}))
    config = load_config(file, ["sampler.name=random", "limits.params=100k"])
    run_folder = RunFolder.create(folder / "runs", config)
    task = Task(dataset="digits", input_shape=(1, 8, 8), classes=10)
    run_folder.write_json("task.json", task.model_dump(mode="json"))
    run_folder.write_json("state.json", {"finished": True, "trained": 3})
    ledger = Ledger.create(config, run_folder)
    fill(config, ledger, task)
    ledger.close()
    return run_folder


def fill(config: SearchConfig, ledger: Ledger, task: Task) -> None:
    proposals = HandDriven(config, ledger, task)
    for number in range(6):
        proposal = proposals.propose()
        if number % 2 == 0:
            accuracy = 0.5 + number / 10
            curve = [{"epoch": 1, "val_accuracy": accuracy, "train_loss": 1.0}]
            metrics = {"val_accuracy": accuracy, **proposals.costs(proposal.architecture)}
            proposals.complete(proposal, metrics, EvaluationResult({}, curve, 2.0), None)
            ledger.add(
                "repeats",
                proposal.architecture,
                seed=1,
                metrics=metrics,
                curve=curve,
                device_seconds=2.0,
                recipe_id=config.proxy_id,
            )


def copy_of(run: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.rmtree(tmp_path / "runs", ignore_errors=True)
    shutil.copytree(run.path, tmp_path / "runs" / run.name)
    return RunFolder(tmp_path / "runs" / run.name)


def look_at(run: RunFolder, rng: random.Random) -> None:
    """One of the commands that read a run."""
    runs = run.path.parent
    match rng.randrange(8):
        case 0:
            show_runs(output(), runs)
        case 1 | 2 | 3:
            show_status(output(), run.name, runs)
        case 4 | 5:
            front_of(run)
        case 6:
            warm_start_of(
                run, run.config(), run.task(), problem_from(run.config(), run.task()), runs
            )
        case _:
            config = run.config()
            HandDriven(config, Ledger.resume(config, run), run.task()).propose()


def front_of(run: RunFolder) -> None:
    runs = run.path.parent
    show_frontier(output(), [run.name], runs, FrontQuery())


def test_a_run_that_is_whole_is_read(run: RunFolder, tmp_path: Path) -> None:
    copied = copy_of(run, tmp_path)
    show_status(output(), copied.name, copied.path.parent)
    front_of(copied)


@pytest.mark.parametrize("name", ["environment.json", "task.json", "state.json"])
def test_the_json_files_of_a_run(run: RunFolder, tmp_path: Path, name: str) -> None:
    copied = copy_of(run, tmp_path)
    content = (run.path / name).read_bytes()

    def read(rng: random.Random) -> None:
        (copied.path / name).write_bytes(mutated_json(rng, content))
        look_at(copied, rng)

    try_all(read, (copied.path / name).read_bytes, ROUNDS_HERE)


def test_the_configuration_of_a_run(run: RunFolder, tmp_path: Path) -> None:
    copied = copy_of(run, tmp_path)
    data = read_yaml(run.config_file)

    def read(rng: random.Random) -> None:
        copied.config_file.write_text(json.dumps(mutated_data(rng, data)))
        look_at(copied, rng)

    try_all(read, copied.config_file.read_bytes, ROUNDS_HERE)


COLUMNS = {
    "trial_user_attributes": ["value_json", "key", "trial_id"],
    "trial_params": ["distribution_json", "param_value", "param_name"],
    "trials": ["datetime_start", "datetime_complete", "state", "number", "study_id"],
    "trial_values": ["value", "value_type", "objective"],
    "trial_intermediate_values": ["step", "intermediate_value", "intermediate_value_type"],
    "study_user_attributes": ["value_json", "key"],
    "study_system_attributes": ["value_json"],
    "studies": ["study_name"],
    "study_directions": ["direction", "objective"],
}


def test_the_values_of_a_ledger(run: RunFolder, tmp_path: Path) -> None:
    changed: list[Any] = []

    def read(rng: random.Random) -> None:
        copied = copy_of(run, tmp_path)
        table = rng.choice([*COLUMNS, "trial_user_attributes", "trial_user_attributes"])
        column = rng.choice(COLUMNS[table][:1] * 2 + COLUMNS[table])
        with closing(sqlite3.connect(copied.ledger_file)) as database:
            rows = database.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
            row, before = rng.choice(rows)
            after = value_after(rng, before)
            changed[:] = [table, column, row, before, after]
            with suppress(sqlite3.Error, OverflowError, UnicodeEncodeError), database:
                database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (after, row))
        look_at(copied, rng)

    try_all(read, lambda: changed, ROUNDS_HERE)


def value_after(rng: random.Random, before: object) -> Any:
    if isinstance(before, str) and rng.random() < 0.8:
        try:
            return mutated_json(rng, before.encode()).decode(errors="replace")
        except ValueError:
            return mutated_bytes(rng, before.encode()).decode(errors="replace")
    return rng.choice([v for v in VALUES if not isinstance(v, list | dict)])


def test_the_bytes_of_a_ledger(run: RunFolder, tmp_path: Path) -> None:
    content = run.ledger_file.read_bytes()

    def read(rng: random.Random) -> None:
        copied = copy_of(run, tmp_path)
        copied.ledger_file.write_bytes(mutated_bytes(rng, content))
        look_at(copied, rng)

    try_all(read, lambda: "bytes of the ledger", ROUNDS_HERE)
