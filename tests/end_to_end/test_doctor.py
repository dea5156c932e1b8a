"""A run of a real search is damaged, repaired by ``nas doctor --repair``, and resumed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Nas
from tests.end_to_end.tiny_search import query, read_json

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_a_repaired_run_is_resumed(search_run_once: Path, tmp_path: Path, nas: Nas) -> None:
    shutil.copytree(search_run_once, tmp_path, symlinks=True, dirs_exist_ok=True)
    run = tmp_path / "runs" / "tiny"
    before = read_json(query(tmp_path, "status", "tiny", "--json"))
    assert query(tmp_path, "doctor", "tiny").stdout.strip() == "tiny is healthy"
    with closing(sqlite3.connect(run / "ledger.db")) as database, database:
        database.execute(
            "UPDATE trial_user_attributes SET value_json = '[{\"epo' WHERE key = 'curve' AND "
            "trial_id = 2"
        )
        database.execute("UPDATE trial_values SET value = 0.99 WHERE trial_id = 3")
    (run / "environment.json").unlink()
    assert query(tmp_path, "status", "tiny").returncode == 1
    assert query(tmp_path, "doctor", "tiny").returncode == 1
    mended = query(tmp_path, "doctor", "tiny", "--repair")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert mended.stdout.count("repaired: took the results of") == 2
    resumed = nas("search", "tiny.yaml", "--resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert query(tmp_path, "doctor", "tiny").stdout.strip() == "tiny is healthy"
    after = read_json(query(tmp_path, "status", "tiny", "--json"))
    assert after["trained"] == before["trained"]
    assert after["trials"] == before["trials"]
