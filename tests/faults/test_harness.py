"""The harness sees what it must see: lost and repeated rows, living processes, full disks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.hook import hook
from tests.faults.ledger_rows import Row, differences, lost_or_repeated
from tests.faults.mounts import NoMounts, full, read_only, small_disk
from tests.faults.processes import MARK, ProcessFamily
from tests.faults.variants import NAME
from tests.needed import lacking


def row(number: int, arch_id: str, study: str = NAME, accuracy: float = 0.5) -> Row:
    attributes = {"arch_id": arch_id, "seed": 0, "metrics": {"val_accuracy": accuracy}}
    return Row(study, number, "COMPLETE", f"time {number}", (accuracy, 9.0), attributes)


BEFORE = {(NAME, 0): row(0, "a"), (NAME, 1): row(1, "b")}


def test_rows_that_stay_and_new_ones_are_right() -> None:
    assert lost_or_repeated(BEFORE, BEFORE | {(NAME, 2): row(2, "c")}) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({(NAME, 0): row(0, "a")}, "lost: faults trial 1"),
        (BEFORE | {(NAME, 1): row(1, "b", accuracy=0.6)}, "changed: faults trial 1"),
        (BEFORE | {(NAME, 1): replace(row(1, "b"), completed="later")}, "changed: faults trial 1"),
        (BEFORE | {(NAME, 2): row(2, "a")}, "trained 2 times"),
    ],
    ids=["lost", "other result", "other time", "repeated"],
)
def test_lost_and_repeated_rows_are_seen(after: dict[tuple[str, int], Row], said: str) -> None:
    (wrong,) = lost_or_repeated(BEFORE, after)
    assert said in wrong


def test_another_search_than_the_undisturbed_is_seen() -> None:
    repeats = f"{NAME}/repeats"
    whole = BEFORE | {(repeats, 0): row(0, "a", repeats), (repeats, 1): row(1, "b", repeats)}
    other_order = BEFORE | {(repeats, 0): row(0, "b", repeats), (repeats, 1): row(1, "a", repeats)}
    assert differences(whole, other_order) == []  # repeats may end in another order
    assert len(differences(whole, BEFORE)) == 2
    assert "trial 1 is" in differences(whole, whole | {(NAME, 1): row(1, "c")})[0]


def test_a_process_that_outlives_its_parent_is_seen() -> None:
    family = ProcessFamily("mark of the test")
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()'])"
    reader, writer = os.pipe()
    environment = os.environ | {MARK: "mark of the test"}
    command = [sys.executable, "-c", child]
    subprocess.run(command, env=environment, stdin=reader, check=True)
    try:
        assert len(family.living()) == 1
        (left,) = family.wait_for_none(0.1)
        assert "input()" in left
    finally:
        family.kill()
        os.close(reader)
        os.close(writer)
    assert family.wait_for_none(5) == []


WRITES = """
import os, sqlite3
with open("./a", "w") as file:
    file.write("x")
os.replace("./a", "./b")
database = sqlite3.connect("c")
database.execute("create table t (x)")
database.execute("insert into t values (1)")
database.commit()
print("ended")
"""


def test_a_process_is_killed_at_the_chosen_statement_or_write(tmp_path: Path) -> None:
    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", WRITES],
            cwd=tmp_path,
            env=os.environ | hook(".", **variables),
            capture_output=True,
            text=True,
            check=False,
        )

    assert run().stdout == "ended\n"
    counted = run(FAULTS_COUNTS=str(tmp_path / "counts"))
    assert counted.returncode == 1  # the table is there
    (tmp_path / "c").unlink()
    run(FAULTS_COUNTS=str(tmp_path / "counts"))
    counts = json.loads((tmp_path / "counts").read_text())
    assert counts["sql"] >= 4
    for moment in ("sql:1", f"sql:{counts['sql']}", "write:1"):
        (tmp_path / "c").unlink(missing_ok=True)
        killed = run(FAULTS_KILL_AT=moment)
        assert killed.returncode == -signal.SIGKILL, (moment, killed)


def test_a_full_and_a_read_only_folder_refuse_a_plain_write(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    try:
        with small_disk(disk, 2):
            with full(disk), pytest.raises(OSError, match="No space left"):
                (disk / "file").write_bytes(bytes(8192))
            (disk / "file").write_bytes(bytes(8192))
            with read_only(disk), pytest.raises(OSError, match="Read-only"):
                (disk / "other").write_bytes(b"")
            (disk / "other").write_bytes(b"")
    except NoMounts as error:
        lacking(f"this user may not mount: {error}")
