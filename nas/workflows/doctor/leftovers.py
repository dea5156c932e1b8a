"""Leftovers of killed processes: half-written files, and folders of runs that were being made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from nas.storage.run.leftovers import begun_files, begun_folders
from nas.workflows.doctor.case import Case
from nas.workflows.doctor.copies import size_of
from nas.workflows.doctor.finding import Finding, Mend


def leftovers_of(run: Path) -> Iterator[Path]:
    """Yield the half-written files of a run, and the half-made folders beside it of its name."""
    yield from begun_files(run)
    if os.access(run.parent, os.R_OK):
        yield from (f for f in begun_folders(run.parent) if f.name.startswith(f".{run.name}."))


def examine_leftovers(case: Case) -> list[Finding]:
    """Find what killed processes left in a run's folder and beside it."""
    if case.is_driven:
        return []
    return [_finding(case, left) for left in sorted(leftovers_of(case.run.path))]


def _finding(case: Case, left: Path) -> Finding:
    place = case.place(left)

    def run(copies: Path) -> str:
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)
        return f"removed {place}; its copy is in {copies.name}"

    what = "a run's folder that was never finished" if left.is_dir() else "a half-written file"
    return Finding(
        place,
        f"{what}, of a process that was killed ({size_of(left):,} bytes)",
        "nothing but the disk",
        "--repair removes it",
        Mend(f"removes {place}", (left,), run),
    )
