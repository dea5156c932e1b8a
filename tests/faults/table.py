"""Add up several runs of the harness: ``python -m tests.faults.table FILE... > docs/faults.md``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.faults.outcome import MEANINGS, FaultRecord, Outcome, read_records
from tests.faults.runner import END

COUNTED: tuple[Outcome, ...] = ("survived", "resumed", "finding")

INTRODUCTION = """\
# Injected faults

The sum of several runs of the harness in `tests/faults/`, by kind of fault and outcome. Written by
`python -m tests.faults.table FILE... > docs/faults.md`; the files are what
`python -m tests.faults --seeds A-B --json FILE` writes, and those of this page are in
[faults.jsonl](faults.jsonl).

Each seed is one small search, or one retraining, on real networks, Ray and databases, into which
several faults are injected one after another. A fault *survived* if the command went on, and it
*ended cleanly, resumed* if the command ended as documented and the same command went on from there.
It is a *finding* if anything was lost or repeated, a process lived 15 seconds longer than the
command, the terminal was not as before, the exit status was another, or a message was a traceback
or did not say how to go on. A fault that fell after the command's end does not count.
"""


def markdown(records: Iterable[FaultRecord]) -> str:
    """Return the page: a table of kinds and outcomes, and one of the findings."""
    records = list(records)
    ends = [record for record in records if record.kind.endswith(END)]
    faults = [record for record in records if record not in ends and record.outcome in COUNTED]
    counts = Counter((record.kind, record.outcome) for record in faults)
    lines = [INTRODUCTION]
    lines += [_row(["kind of fault", "faults", *(MEANINGS[outcome] for outcome in COUNTED)])]
    lines += [_row(["---", *["---:"] * (1 + len(COUNTED))])]
    for kind in sorted({record.kind for record in faults}):
        numbers = [counts[kind, outcome] for outcome in COUNTED]
        lines.append(_row([kind, sum(numbers), *numbers]))
    totals = [sum(record.outcome == outcome for record in faults) for outcome in COUNTED]
    lines.append(_row(["**all**", sum(totals), *totals]))
    wrong = [record for record in ends if record.outcome == "finding"]
    lines += [
        "",
        f"{len(ends)} searches and retrainings were brought to their ends; {len(ends) - len(wrong)}"
        " of them lost and repeated nothing, and equal the undisturbed one unless a candidate's own"
        " fault changed the search.",
    ]
    findings = [record for record in records if record.outcome == "finding"]
    if findings:
        lines += ["", "## Findings", ""]
        lines += [_described(record) for record in findings]
    return "\n".join(lines) + "\n"


def _described(finding: FaultRecord) -> str:
    mended = f". Mended: {finding.mended}" if finding.mended else ""
    return (
        f"- seed {finding.seed}, {finding.kind} ({finding.moment}): {finding.detail[:200]}{mended}"
    )


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    print(markdown(read_records(map(Path, sys.argv[1:]))), end="")
