"""Ways to damage a run, by name: each with what the doctor must say."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import torch

from nas.storage.run.folder import RunFolder
from nas.workflows.doctor.trainings import training_folders
from trainers import checkpoint_bytes, load_checkpoint

Act = Callable[[RunFolder], None]


class Damage(NamedTuple):
    """One way to damage a run.

    Attributes:
        act: does it.
        says: a part of what is then wrong.
        stays: parts of what is wrong after a repair, one for each thing; nothing if it is mended.
    """

    act: Act
    says: str
    stays: tuple[str, ...] = ()


class Exploit:
    """An object whose unpickling makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def sql(statement: str, *values: Any) -> Act:
    """Change rows of the ledger; at least one must change."""

    def act(run: RunFolder) -> None:
        with closing(sqlite3.connect(run.ledger_file)) as database, database:
            assert database.execute(statement, values).rowcount > 0

    return act


def several(*acts: Act) -> Act:
    def act(run: RunFolder) -> None:
        for each in acts:
            each(run)

    return act


def write(name: str, content: str | bytes) -> Act:
    def act(run: RunFolder) -> None:
        (run.path / name).parent.mkdir(exist_ok=True)
        (run.path / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return act


def delete(name: str) -> Act:
    def act(run: RunFolder) -> None:
        (run.path / name).unlink()

    return act


def states(run: RunFolder) -> list[Path]:
    return sorted(run.paused_folder.glob("trial-*.pt"))


def swap_states(run: RunFolder) -> None:
    """Exchange the states of two trials."""
    first, second = states(run)[:2]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def change_state(change: Callable[[dict[str, Any]], object]) -> Act:
    def act(run: RunFolder) -> None:
        file = states(run)[0]
        state = load_checkpoint(file)
        change(state)
        file.write_bytes(checkpoint_bytes(state))

    return act


def hostile_state(run: RunFolder) -> None:
    """A state whose unpickling would make the file ``runs/hostile``."""
    torch.save(Exploit(run.path.parent / "hostile"), states(run)[0])


def plain_pickle(run: RunFolder) -> None:
    states(run)[0].write_bytes(pickle.dumps(Exploit(run.path.parent / "hostile")))


def cut_state(run: RunFolder) -> None:
    os.truncate(states(run)[0], 1000)


def lose_state(run: RunFolder) -> None:
    states(run)[0].unlink()


def state_of_no_trial(run: RunFolder) -> None:
    (run.paused_folder / "trial-77.pt").write_bytes(states(run)[0].read_bytes())


def half_made_run(run: RunFolder) -> None:
    folder = run.path.parent / f".{run.name}.{dead_process()}"
    folder.mkdir()
    (folder / "config.yaml").write_text("name: half\n")


def dead_process() -> int:
    """A process number that nothing has."""
    return int(Path("/proc/sys/kernel/pid_max").read_text()) + 1


def edit_json(name: str, change: Callable[[dict[str, Any]], object]) -> Act:
    def act(run: RunFolder) -> None:
        data = json.loads((run.path / name).read_bytes())
        change(data)
        (run.path / name).write_text(json.dumps(data))

    return act


def training_file(run: RunFolder, name: str) -> Path:
    (folder,) = training_folders(run.retrain_folder)[0]
    return folder.path / name


def in_training(name: str, change: Callable[[Path], object]) -> Act:
    return lambda run: (change(training_file(run, name)), None)[1]


def add_copy_of_trial(number: int) -> Act:
    """Add a trial with the next number that is a copy of another."""

    def act(run: RunFolder) -> None:
        with closing(sqlite3.connect(run.ledger_file)) as database, database:
            (study, old) = database.execute(
                "SELECT study_id, trial_id FROM trials WHERE number = ? AND study_id = 1", [number]
            ).fetchone()
            (most,) = database.execute(
                "SELECT max(number) FROM trials WHERE study_id = ?", [study]
            ).fetchone()
            new = database.execute(
                "INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete) "
                "SELECT ?, study_id, state, datetime_start, datetime_complete FROM trials "
                "WHERE trial_id = ?",
                [most + 1, old],
            ).lastrowid
            for table, columns in (
                ("trial_user_attributes", "key, value_json"),
                ("trial_params", "param_name, param_value, distribution_json"),
                ("trial_values", "objective, value, value_type"),
                (
                    "trial_intermediate_values",
                    "step, intermediate_value, intermediate_value_type",
                ),
            ):
                database.execute(
                    f"INSERT INTO {table} (trial_id, {columns}) SELECT ?, {columns} FROM {table} "
                    "WHERE trial_id = ?",
                    [new, old],
                )

    return act


COMPLETE = "(SELECT min(trial_id) FROM trials WHERE study_id = 1 AND state = 'COMPLETE')"
"""The search's first complete trial."""

ATTRIBUTE = f"UPDATE trial_user_attributes SET value_json = ? WHERE trial_id = {COMPLETE} AND key="


def attribute(key: str, value: str) -> Act:
    return sql(f"{ATTRIBUTE} '{key}'", value)


FOREIGN = (
    sql("INSERT INTO studies (study_name) VALUES ('another')"),
    sql("INSERT INTO trials (number, study_id, state) VALUES (0, 5, 'RUNNING')"),
)
OUTSIDE = (
    '"{\\"stem\\":{\\"type\\":\\"conv\\",\\"kernel\\":3,\\"stride\\":1,\\"pool\\":false,'
    '\\"width\\":64},\\"stages\\":[]}"'
)

OF_THE_LEDGER: dict[str, Damage] = {
    "cut JSON": Damage(attribute("curve", '[{"epo'), "cannot be read: Unterminated string"),
    "unknown distribution": Damage(
        sql(
            f"UPDATE trial_params SET distribution_json = ? WHERE trial_id = {COMPLETE}",
            '{"name": "Odd", "attributes": {}}',
        ),
        "Unknown distribution class: Odd",
    ),
    "choice out of range": Damage(
        sql(f"UPDATE trial_params SET param_value = 99 WHERE trial_id = {COMPLETE}"), "IndexError"
    ),
    "another choice": Damage(
        sql(
            "UPDATE trial_params SET param_value = 1 - param_value WHERE param_id = "
            f"(SELECT min(param_id) FROM trial_params WHERE trial_id = {COMPLETE})"
        ),
        "are not its architecture's",
    ),
    "bad date": Damage(
        sql(f"UPDATE trials SET datetime_start = '2024-13-45' WHERE trial_id = {COMPLETE}"),
        "month must be in 1..12",
    ),
    "unknown state": Damage(
        sql(f"UPDATE trials SET state = 'ODD' WHERE trial_id = {COMPLETE}"), "'ODD'"
    ),
    "NaN as a metric": Damage(
        attribute("metrics", '{"val_accuracy": NaN, "params": 3}'),
        "val_accuracy must be a finite number, got nan",
    ),
    "infinite value": Damage(
        sql(
            "UPDATE trial_values SET value = NULL, value_type = 'INF_POS' "
            f"WHERE trial_id = {COMPLETE}"
        ),
        "value of val_accuracy is inf",
    ),
    "another value": Damage(
        sql(f"UPDATE trial_values SET value = 0.99 WHERE objective = 0 AND trial_id = {COMPLETE}"),
        "its value of val_accuracy is 0.99",
    ),
    "another accuracy in metrics and values": Damage(
        several(
            sql(f"UPDATE trial_values SET value = 1 WHERE objective = 0 AND trial_id = {COMPLETE}"),
            sql(
                "UPDATE trial_user_attributes SET value_json = json_set(value_json, "
                f"'$.val_accuracy', 1.0) WHERE key = 'metrics' AND trial_id = {COMPLETE}"
            ),
        ),
        "its curve does not end with its val_accuracy",
    ),
    "another cost": Damage(
        several(
            sql(
                "UPDATE trial_user_attributes SET value_json = json_set(value_json, "
                f"'$.params', 77) WHERE key = 'metrics' AND trial_id = {COMPLETE}"
            ),
            sql(
                f"UPDATE trial_values SET value = 77 WHERE objective = 1 AND trial_id = {COMPLETE}"
            ),
        ),
        "its params are 77, those of its network",
    ),
    "no curve": Damage(
        several(
            sql(f"DELETE FROM trial_user_attributes WHERE key='curve' AND trial_id = {COMPLETE}"),
            sql(f"DELETE FROM trial_intermediate_values WHERE trial_id = {COMPLETE}"),
        ),
        "its curve is missing",
    ),
    "another accuracy at an epoch": Damage(
        sql(
            "UPDATE trial_intermediate_values SET intermediate_value = 0.5 WHERE step = 1 AND "
            f"trial_id = {COMPLETE}"
        ),
        "its accuracies at epoch 1 differ",
    ),
    "no architecture": Damage(
        sql(
            f"DELETE FROM trial_user_attributes WHERE key='architecture' AND trial_id = {COMPLETE}"
        ),
        "its architecture is missing",
    ),
    "architecture that is none": Damage(attribute("architecture", '"{}"'), "stem: Field required"),
    "another seed": Damage(attribute("seed", "7"), "its seed is 7, the search's is 1"),
    "another recipe": Damage(attribute("recipe_id", '"0badcafe"'), "its recipe is '0badcafe'"),
    "another arch_id": Damage(attribute("arch_id", '"0badcafe0bad"'), "its arch_id is 0badcafe"),
    "a trial twice": Damage(add_copy_of_trial(2), "it is of the same training as trial"),
    "a number twice": Damage(
        sql("UPDATE trials SET number = 0 WHERE number = 1 AND study_id = 1"),
        "its number is that of another trial",
    ),
    "a trial less": Damage(
        sql("DELETE FROM trials WHERE number = 1 AND study_id = 1"), "trials 1 are missing"
    ),
    "proposal without an architecture": Damage(
        sql(
            "INSERT INTO trials (number, study_id, state) "
            "SELECT max(number) + 1, 1, 'RUNNING' FROM trials WHERE study_id = 1"
        ),
        "it is running and has no architecture",
    ),
    "repeat twice as accurate": Damage(
        sql(
            "UPDATE trial_values SET value = 2 WHERE trial_id IN "
            "(SELECT min(trial_id) FROM trials WHERE study_id = 2)"
        ),
        "repeat 0: its value of val_accuracy is 2.0",
    ),
    "study of another run": Damage(several(*FOREIGN), "it holds the study 'another' with 1 trial"),
    "study less": Damage(
        sql("DELETE FROM studies WHERE study_name = 'real/baselines'"),
        "the study 'real/baselines' is missing",
    ),
    "renamed study": Damage(
        sql("UPDATE studies SET study_name = 'other' WHERE study_name = 'real'"),
        "the one of this run_id is called 'other'",
    ),
    "search's study less": Damage(
        sql("DELETE FROM studies WHERE study_name = 'real'"),
        "the study 'real' is missing; it holds 'real/baselines', 'real/re",
        ("the study 'real' is missing",),
    ),
    "other directions": Damage(
        sql("UPDATE study_directions SET direction = 'MINIMIZE' WHERE study_id = 1"),
        "the directions of 'real' are MINIMIZE, MINIMIZE",
    ),
    "no format": Damage(
        sql("DELETE FROM study_user_attributes WHERE key = 'format'"), "its format is not recorded"
    ),
    "a later format": Damage(
        sql("UPDATE study_user_attributes SET value_json = '9' WHERE key = 'format'"),
        "its format is 9, this version reads 1",
        ("its format is 9",),
    ),
    "damaged rejections": Damage(
        sql(
            "INSERT INTO study_user_attributes (study_id, key, value_json) "
            "VALUES (1, 'rejections', '[1]')"
        ),
        "rejections must be a mapping",
    ),
    "damaged attribute": Damage(
        sql("UPDATE study_user_attributes SET value_json = '{' WHERE key = 'format'"),
        "the attribute 'format' of the search is not JSON",
    ),
    "of another run": Damage(
        sql("UPDATE study_user_attributes SET value_json = '\"x\"' WHERE key = 'run_id'"),
        "that of the ledger x: the ledger is of another run",
        ("the ledger is of another run",),
    ),
    "no ledger": Damage(delete("ledger.db"), "the ledger is missing", ("the ledger is missing",)),
    "no database": Damage(
        write("ledger.db", "once upon a time " * 1000),
        "file is not a database",
        ("file is not a database",),
    ),
    "empty file": Damage(write("ledger.db", b""), "ledger", ("ledger",)),
}

OF_A_FINISHED_RUN: dict[str, Damage] = OF_THE_LEDGER | {
    "no environment": Damage(delete("environment.json"), "environment is missing"),
    "damaged environment": Damage(write("environment.json", "{"), "environment.json"),
    "environment without run_id": Damage(
        edit_json("environment.json", lambda data: data.pop("run_id")), "it has no run_id"
    ),
    "no task": Damage(delete("task.json"), "the task of the architectures is missing"),
    "damaged fingerprint": Damage(
        write("data.json", '{"fingerprints": 7}'), "data.json: cannot be read"
    ),
    "damaged task": Damage(write("task.json", '{"classes": 3}'), "task.json: cannot be read"),
    "task of other data": Damage(
        edit_json("task.json", lambda data: data.update(classes=7)),
        "rows do not fit task.json",
        ("rows do not fit task.json",),
    ),
    "no state": Damage(delete("state.json"), "whether the search has ended is missing"),
    "damaged state": Damage(write("state.json", '{"finished": 3}'), "finished: "),
    "no configuration": Damage(
        delete("config.yaml"), "the configuration is missing", ("the configuration is missing",)
    ),
    "damaged configuration": Damage(
        write("config.yaml", "name: [\n"), "config.yaml", ("config.yaml",)
    ),
    "no front": Damage(delete("front.json"), "its front is missing"),
    "damaged front": Damage(write("front.json", "[1"), "front.json: it cannot be read"),
    "another front": Damage(
        edit_json("front.json", lambda data: data["members"].clear()),
        "it is not the front of the ledger's results",
    ),
    "damaged table of trainings": Damage(write("retrain.json", "{}"), "it is no list of rows"),
    "damaged warm start": Damage(
        write("warm_start.json", '{"first": 3}'), "is not what a search wrote there"
    ),
    "damaged latencies": Damage(
        write("latency.jsonl", '{"arch_id": 1}\n{"half'), "lines 1 of 1 are no latency records"
    ),
    "half-written file": Damage(
        write(f".{dead_process()}-0a1b2c3d.tmp", "half"), "a half-written file"
    ),
    "half-made run": Damage(half_made_run, "a run's folder that was never finished"),
    "no network": Damage(
        in_training("model.pt", Path.unlink),
        "the trained network is missing",
        ("the trained network is missing",),
    ),
    "damaged network": Damage(
        in_training("model.pt", lambda file: os.truncate(file, 500)),
        "model.pt: the checkpoint it is truncated",
        ("is truncated",),
    ),
    "no curve of a training": Damage(in_training("curve.csv", Path.unlink), "it is missing"),
    "another curve of a training": Damage(
        in_training("curve.csv", lambda file: file.write_text("epoch,val_accuracy\n1,0.5\n")),
        "it is not the curve of the ledger's row",
    ),
    "checkpoint of a finished training": Damage(
        in_training("checkpoint.pt", lambda file: file.write_bytes(b"old")),
        "the training has ended, and its checkpoint is still there",
    ),
    "training without its row": Damage(
        several(
            *(
                sql(f"DELETE FROM {table} WHERE trial_id IN (SELECT trial_id FROM trials "
                    "WHERE study_id = 4)")
                for table in ("trial_values", "trial_intermediate_values", "trial_user_attributes",
                              "trials")
            )
        ),
        "the ledger has no row of this full training",
    ),
    "no folder of a training": Damage(
        lambda run: training_folders(run.retrain_folder)[0][0].path.rename(
            run.retrain_folder / ".elsewhere"
        )
        and None,
        "the folder of a full training is missing",
        ("the folder of a full training is missing",),
    ),
}  # fmt: skip

OF_AN_INTERRUPTED_RUN: dict[str, Damage] = {
    "swapped states": Damage(
        swap_states, "it is another trial's state", ("the state of a paused trial is missing",) * 2
    ),
    "hostile state": Damage(
        hostile_state,
        "it names __builtin__.getattr, which is no tensor",
        ("the state of a paused trial is missing",),
    ),
    "plain pickle": Damage(
        plain_pickle, "is truncated, damaged or another", ("the state of a paused trial is",)
    ),
    "cut state": Damage(cut_state, "is truncated, damaged or another", ("the state of a paused",)),
    "missing state": Damage(
        lose_state,
        "the state of a paused trial is missing",
        ("the state of a paused trial is missing",),
    ),
    "state of another seed": Damage(
        change_state(lambda state: state["identity"].update(seed=5)),
        "it is of a training with seed 5",
        ("the state of a paused trial is missing",),
    ),
    "state of another recipe": Damage(
        change_state(lambda state: state["identity"]["recipe"].update(epochs=9)),
        "by another recipe",
        ("the state of a paused trial is missing",),
    ),
    "state with other weights": Damage(
        change_state(lambda state: state["model"].popitem()),
        "its weights are not of the trial's network",
        ("the state of a paused trial is missing",),
    ),
    "state that is none": Damage(
        change_state(lambda state: state.clear()),
        "it is no state of a training",
        ("the state of a paused trial is missing",),
    ),
    "state of no trial": Damage(state_of_no_trial, "the ledger has no paused trial 77"),
    "unknown file": Damage(write("paused/notes.txt", "mine"), "no search writes a file"),
    "half-written state": Damage(
        write(f"paused/.{dead_process()}-0a1b2c3d.tmp", "half"),
        "a half-written file",
    ),
    "paused trial with a cut curve": Damage(
        sql(
            "UPDATE trial_user_attributes SET value_json = '[]' WHERE key = 'curve' AND trial_id = "
            "(SELECT min(trial_id) FROM trials WHERE state = 'RUNNING')"
        ),
        "its accuracies at epoch 1 differ in curve and trial",
    ),
}
