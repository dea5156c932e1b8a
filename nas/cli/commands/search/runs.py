"""``nas runs``: list every run in one line."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from nas.cli.output import Output
from nas.workflows.runs import RunSummary, summaries

UNKNOWN = "-"


def show_runs(output: Output, runs: Path) -> None:
    """Print every run in ``runs``, the newest first, and what is wrong with damaged ones."""
    listed = summaries(runs)
    if output.as_json:
        output.show_json([each.to_json() for each in listed])
    elif listed:
        table = _table(listed)
        output.show(table, columns=output.columns_of(table))
    else:
        output.say(f"there are no runs in {runs}; `nas search CONFIG` makes one")


def _table(listed: list[RunSummary]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("run", "started", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("trained", "front"):
        table.add_column(heading, no_wrap=True, justify="right")
    problems = any(each.problem for each in listed)
    if problems:
        table.add_column("what is wrong", no_wrap=True)
    for each in listed:
        trained = UNKNOWN if each.trained is None else f"{each.trained}/{each.wanted}"
        cells = [
            each.name,
            f"{each.started:%Y-%m-%d %H:%M}",
            each.state or UNKNOWN,
            trained,
            UNKNOWN if each.front is None else str(each.front),
            *([each.problem or ""] if problems else []),
        ]
        table.add_row(*map(Text, cells))
    return table
