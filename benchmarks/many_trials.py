"""Make a run of thousands of trials, whose rows are as a search writes them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from nas.storage.archive import restore
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture
from search_space.cost import network_costs
from search_space.space import SearchSpace

ARCHIVE = Path(__file__).parents[1] / "docs" / "results" / "pathfinder" / "pathfinder-both"
"""A finished search; its first trial is the pattern of all others."""

BEST, HALF_PARAMS, NOISE = 0.95, 4e3, 0.02
"""The made-up accuracy: it saturates with the parameters, and has a deviation between networks."""

CHILDREN = {
    "trial_values": "objective, value, value_type",
    "trial_params": "param_name, param_value, distribution_json",
    "trial_intermediate_values": "step, intermediate_value, intermediate_value_type",
}
"""Tables of which each further trial gets the first one's rows."""


def make_run(folder: Path, trials: int, seed: int = 0) -> RunFolder:
    """Copy the archived run, make its database, and add trials up to ``trials``.

    Args:
        folder: of all runs.
        trials: of the search.
        seed: of the architectures and accuracies.
    """
    run = RunFolder(folder / f"with-{trials}-trials", trust=True)
    shutil.copytree(ARCHIVE, run.path)
    config = run.config()
    restore(run, config.name)
    space = SearchSpace.from_mapping(config.space, config.name)
    rng = np.random.default_rng(seed)
    with closing(sqlite3.connect(run.ledger_file)) as ledger:
        study, pattern, begun = ledger.execute(
            "SELECT study_id, MIN(trial_id), COUNT(*) FROM trials "
            "WHERE study_id = (SELECT study_id FROM studies WHERE study_name = ?)",
            (config.name,),
        ).fetchone()
        networks = _distinct(space, rng, trials - begun)
        for number, architecture in enumerate(networks, start=begun):
            _add(ledger, study, pattern, number, _changes(architecture, run, rng))
        ledger.commit()
    return run


def _distinct(space: SearchSpace, rng: np.random.Generator, count: int) -> Iterator[Architecture]:
    drawn: set[Architecture] = set()
    while len(drawn) < count:
        architecture = space.sample(rng)
        if architecture not in drawn:
            drawn.add(architecture)
            yield architecture


def _changes(
    architecture: Architecture, run: RunFolder, rng: np.random.Generator
) -> dict[str, Any]:
    costs = network_costs(architecture, run.task()).metrics()
    share = costs["params"] / (costs["params"] + HALF_PARAMS)
    accuracy = min(1.0, BEST * share + float(rng.normal(0, NOISE)))
    return {
        "arch_id": architecture.arch_id,
        "architecture": architecture.canonical_json(),
        "description": str(architecture),
        "metrics": {"val_accuracy": accuracy} | costs,
    }


def _add(
    ledger: sqlite3.Connection, study: int, pattern: int, number: int, changes: dict[str, Any]
) -> None:
    trial = ledger.execute(
        "INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete) "
        "SELECT ?, ?, state, datetime_start, datetime_complete FROM trials WHERE trial_id = ?",
        (number, study, pattern),
    ).lastrowid
    for table, columns in CHILDREN.items():
        ledger.execute(
            f"INSERT INTO {table} (trial_id, {columns}) "
            f"SELECT ?, {columns} FROM {table} WHERE trial_id = ?",
            (trial, pattern),
        )
    ledger.execute(
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) "
        "SELECT ?, key, value_json FROM trial_user_attributes WHERE trial_id = ?",
        (trial, pattern),
    )
    ledger.executemany(
        "UPDATE trial_user_attributes SET value_json = ? WHERE trial_id = ? AND key = ?",
        [(json.dumps(value), trial, name) for name, value in changes.items()],
    )


if __name__ == "__main__":
    print(make_run(Path(sys.argv[1]), int(sys.argv[2])).path)
