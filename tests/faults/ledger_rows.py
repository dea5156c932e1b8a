"""The rows of a ledger, read beside the product: by SQL, from SQLite or PostgreSQL."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.variants import NAME
from tests.postgresql_server import PostgreSQLServer

ATTRIBUTES = ("arch_id", "seed", "metrics", "curve", "stopped_at_epoch", "lost_workers", "error")

TRIALS = (
    "select study_name, number, state, datetime_complete, trial_id from trials "
    f"join studies using (study_id) where study_name = '{NAME}' or study_name like '{NAME}/%'"
)
VALUES = "select trial_id, objective, value from trial_values"
WRITTEN = "select trial_id, key, value_json from trial_user_attributes"

Key = tuple[str, int]


@dataclass(frozen=True)
class Row:
    """One trial of the search, of its repeats or of its full trainings."""

    study: str
    number: int
    state: str
    completed: str | None
    values: tuple[float, ...]
    attributes: Mapping[str, Any]

    @property
    def is_finished(self) -> bool:
        """Whether it has a result, which must stay."""
        return self.state in ("COMPLETE", "PRUNED")

    @property
    def result(self) -> str:
        """The result as a short text: without the times and without the workers that were lost."""
        kept = {key: self.attributes.get(key) for key in ("metrics", "curve", "stopped_at_epoch")}
        digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:8]
        what = f"{self.attributes.get('arch_id')} with seed {self.attributes.get('seed')}"
        return f"{self.state} {what}: {self.values}, metrics and curve {digest}"

    @property
    def lost_workers(self) -> list[dict[str, str]]:
        """The workers that were lost on it."""
        lost: list[dict[str, str]] = self.attributes.get("lost_workers") or []
        return lost


class LedgerUnreachable(Exception):
    """The ledger cannot be read now: its server is down, or it is being made."""


def read_rows(ledger: Path | PostgreSQLServer) -> dict[Key, Row]:
    """Return the rows of a run's ledger, by study and number.

    Args:
        ledger: an SQLite file, or the PostgreSQL server.

    Raises:
        LedgerUnreachable: it is not there.
    """
    try:
        if isinstance(ledger, Path):
            if not ledger.is_file():
                return {}
            connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=5)
            try:
                answers = [connection.execute(q).fetchall() for q in (TRIALS, VALUES, WRITTEN)]
            finally:
                connection.close()
        else:
            with ledger.connect() as server:
                answers = [server.execute(q).fetchall() for q in (TRIALS, VALUES, WRITTEN)]
    except (sqlite3.OperationalError, psycopg.Error, OSError) as error:
        raise LedgerUnreachable(str(error)) from error
    trials, values, written = answers
    of_trial: dict[int, list[tuple[int, float]]] = {}
    for trial_id, objective, value in values:
        of_trial.setdefault(trial_id, []).append((objective, value))
    attributes: dict[int, dict[str, Any]] = {}
    for trial_id, key, text in written:
        if key in ATTRIBUTES:
            attributes.setdefault(trial_id, {})[key] = json.loads(text)
    return {
        (study, number): Row(
            study,
            number,
            state,
            None if completed is None else str(completed),
            tuple(value for _, value in sorted(of_trial.get(trial_id, []))),
            attributes.get(trial_id, {}),
        )
        for study, number, state, completed, trial_id in trials
    }


def finished(rows: Mapping[Key, Row]) -> dict[Key, Row]:
    """Return the rows that have a result."""
    return {key: row for key, row in rows.items() if row.is_finished}


def lost_workers(rows: Mapping[Key, Row]) -> int:
    """Return how many lost workers the rows name."""
    return sum(len(row.lost_workers) for row in rows.values())


def lost_or_repeated(before: Mapping[Key, Row], after: Mapping[Key, Row]) -> list[str]:
    """Return what is wrong if ``after`` follows ``before``: results that changed, or came twice."""
    wrong = []
    for key, row in finished(before).items():
        now = after.get(key)
        if now is None:
            wrong.append(f"lost: {row.study} trial {row.number}")
        elif (now.result, now.completed) != (row.result, row.completed):
            wrong.append(
                f"changed: {row.study} trial {row.number}, {row.result} at {row.completed} is now "
                f"{now.result} at {now.completed}"
            )
    trainings = Counter(
        (row.study, row.attributes.get("arch_id"), row.attributes.get("seed"))
        for row in finished(after).values()
    )
    return wrong + [f"trained {n} times: {key}" for key, n in trainings.items() if n > 1]


def differences(undisturbed: Mapping[Key, Row], rows: Mapping[Key, Row]) -> list[str]:
    """Return where a finished search is not the undisturbed one: proposals, curves, repeats."""
    wrong = []
    expected, actual = _proposals(undisturbed), _proposals(rows)
    for number in sorted(expected.keys() | actual.keys()):
        if expected.get(number) != actual.get(number):
            wrong.append(f"trial {number} is {actual.get(number)}, not {expected.get(number)}")
    expected_repeats, actual_repeats = _repeats(undisturbed), _repeats(rows)
    for key in sorted(expected_repeats.keys() | actual_repeats.keys()):
        if expected_repeats.get(key) != actual_repeats.get(key):
            wrong.append(
                f"repeat {key} is {actual_repeats.get(key)}, not {expected_repeats.get(key)}"
            )
    return wrong


def _proposals(rows: Mapping[Key, Row]) -> dict[int, str]:
    return {row.number: row.result for row in rows.values() if row.study == NAME}


def _repeats(rows: Mapping[Key, Row]) -> dict[tuple[str, int], str]:
    return {
        (row.attributes["arch_id"], row.attributes["seed"]): row.result
        for row in rows.values()
        if row.study == f"{NAME}/repeats"
    }
