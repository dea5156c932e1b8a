"""The outcome of one fault, as a line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["survived", "resumed", "finding", "not counted"]

MEANINGS: dict[Outcome, str] = {
    "survived": "survived",
    "resumed": "ended cleanly, resumed",
    "finding": "FINDING",
    "not counted": "not counted",
}
"""The outcomes as the table has them; a fault after the command's end is not counted."""


@dataclass(frozen=True)
class FaultRecord:
    """One injected fault."""

    seed: int
    plan: str
    kind: str
    moment: str
    outcome: Outcome
    detail: str  # what is wrong, or why it is not counted
    seconds: float
    folder: str  # with the log, if something is wrong
    mended: str = ""  # of a finding: since then, written into the record by hand


def append_record(file: Path, record: FaultRecord) -> None:
    """Add a record to a file of JSON lines."""
    with file.open("a") as lines:
        lines.write(json.dumps(asdict(record)) + "\n")


def read_records(files: Iterable[Path]) -> Iterator[FaultRecord]:
    """Read the records of several runs of the harness."""
    for file in files:
        for line in file.read_text().splitlines():
            yield FaultRecord(**json.loads(line))
