"""The table of faults adds up the records of several runs."""

from __future__ import annotations

from pathlib import Path

from tests.faults.outcome import FaultRecord, append_record, read_records
from tests.faults.plans import KINDS, PLANS, plan_of
from tests.faults.runner import END
from tests.faults.table import markdown


def record(seed: int, kind: str, outcome: str, detail: str = "") -> FaultRecord:
    return FaultRecord(seed, "signals", kind, "3 rows", outcome, detail, 1.5, "")  # type: ignore[arg-type]


def test_several_files_add_up(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    append_record(first, record(0, "driver: SIGKILL", "resumed"))
    append_record(first, record(0, END, "survived"))
    append_record(second, record(1, "driver: SIGKILL", "resumed"))
    append_record(second, record(1, "worker: SIGKILL", "survived"))
    append_record(second, record(1, "worker: SIGKILL", "not counted", "the command had ended"))
    page = markdown(read_records([first, second]))
    assert "| driver: SIGKILL | 2 | 0 | 2 | 0 |" in page
    assert "| worker: SIGKILL | 1 | 1 | 0 | 0 |" in page
    assert "| **all** | 3 | 1 | 2 | 0 |" in page
    assert "1 searches and retrainings" in page
    assert "## Findings" not in page


def test_a_finding_is_listed_with_its_seed() -> None:
    page = markdown([record(7, "GCS: SIGKILL", "finding", "it printed a traceback")])
    assert "| GCS: SIGKILL | 1 | 0 | 0 | 1 |" in page
    assert "seed 7, GCS: SIGKILL (3 rows): it printed a traceback" in page


def test_as_many_seeds_in_a_row_as_plans_make_every_kind() -> None:
    kinds = {kind for seed in range(len(PLANS)) for kind in plan_of(100 + seed).kinds}
    assert kinds == KINDS.keys()
