"""Damaged databases: what is on whole pages is kept, and the search goes on with it."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from nas.storage.run.folder import RunFolder
from nas.workflows.doctor.salvage import salvage
from tests.nas.workflows.doctor.real_run import (
    digests,
    examined,
    repaired,
    results,
    resume,
    wrong,
)

pytestmark = pytest.mark.many_cases

PAGE_BYTES = 4096
CUT = 0.8
"""A share of the ledger that has all trials and not all of their attributes."""


def cut(run: RunFolder, share: float) -> None:
    """Keep the first bytes of the ledger."""
    os.truncate(run.ledger_file, int(run.ledger_file.stat().st_size * share))


def flip(run: RunFolder, seed: int) -> None:
    """Write noise over one page of the ledger but the first two."""
    rng = random.Random(seed)
    content = bytearray(run.ledger_file.read_bytes())
    page = rng.randrange(2, len(content) // PAGE_BYTES)
    content[page * PAGE_BYTES : (page + 1) * PAGE_BYTES] = rng.randbytes(PAGE_BYTES)
    run.ledger_file.write_bytes(content)


def check(run: RunFolder, whole: RunFolder) -> bool:
    """Repair a run; return whether it could be, and nothing of it may vanish or be invented."""
    expected, before = results(whole), digests(run.path)
    first = examined(run)
    assert digests(run.path) == before, "an examination writes"
    diagnosis = repaired(run)
    assert before <= digests(run.path), "something vanished without a copy"
    assert diagnosis.failed == []
    assert not any(f.mend for f in diagnosis.findings if f.is_wrong)
    if any(f.place == "ledger.db" for f in diagnosis.findings if f.is_wrong):
        assert not first.is_healthy
        return False
    kept = results(run)
    assert {
        arch_id for arch_id, row in kept.items() if row[1] and row != expected.get(arch_id)
    } == set()
    return True


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99])
def test_a_cut_ledger(finished: RunFolder, finished_once: RunFolder, share: float) -> None:
    cut(finished, share)
    assert wrong(examined(finished))
    check(finished, finished_once)


def test_cut_ledgers_are_salvaged_in_part(finished_once: RunFolder, tmp_path: Path) -> None:
    """The more of a file is there, the more rows are kept."""
    whole = salvage(finished_once.ledger_file)
    size = finished_once.ledger_file.stat().st_size
    kept = []
    for share in (0.4, 0.6, 0.8, 1):
        file = tmp_path / "ledger.db"
        shutil.copyfile(finished_once.ledger_file, file)
        os.truncate(file, int(size * share))
        kept.append(salvage(file).kept_rows)
    assert kept == sorted(kept)
    assert kept[0] < kept[2] < kept[3] == whole.kept_rows
    assert whole.lost_rows == 0


@pytest.mark.parametrize("seed", range(6))
def test_a_page_of_noise(finished: RunFolder, finished_once: RunFolder, seed: int) -> None:
    flip(finished, seed)
    check(finished, finished_once)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6, 46))
def test_many_pages_of_noise(finished: RunFolder, finished_once: RunFolder, seed: int) -> None:
    flip(finished, seed)
    if check(finished, finished_once):
        resume(finished)
        assert not any(f.mend for f in examined(finished).findings)


def test_a_search_goes_on_with_what_was_salvaged(
    finished: RunFolder, finished_once: RunFolder
) -> None:
    """The page with the newest attributes is lost; what they described is trained again."""
    cut(finished, CUT)
    assert check(finished, finished_once)
    resume(finished)
    assert wrong(examined(finished)) == []
    expected = {row[0] for row in results(finished_once).values()}
    assert {row[0] for row in results(finished).values()} <= expected | {"fail"}
