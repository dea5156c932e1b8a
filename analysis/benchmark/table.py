"""Results of replays on a tabular benchmark, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite, log10
from typing import NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

NOTHING = "-"
DIGITS = 3
"""Significant digits of the largest mean."""


class Row(NamedTuple):
    """A strategy's figures; means with half widths of 95 % intervals, None where there is none."""

    strategy: str
    figures: Sequence[tuple[float, float | None]]  # a checkpoint
    more: Sequence[str] = ()  # cells of further columns


def benchmark_table(
    title: str,
    headings: Sequence[str],
    rows: Sequence[Row],
    *,
    best_is_most: bool,
    more_headings: Sequence[str] = (),
) -> Table:
    """Return a row a strategy and a column a checkpoint; the best mean of a column is bold.

    Args:
        title: over the table.
        headings: of the checkpoints.
        rows: as they are shown.
        best_is_most: whether the largest mean is best; else the least is.
        more_headings: of the further columns.
    """
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=Text(title, style="table.title"),  # as it stands: names may hold brackets
        title_justify="left",
    )
    table.add_column("sampler", no_wrap=True)
    for heading in (*headings, *more_headings):
        table.add_column(Text(heading), justify="right", no_wrap=True)
    columns = zip(*([mean for mean, _ in row.figures] for row in rows), strict=True)
    known = [[mean for mean in means if isfinite(mean)] for means in columns]
    bests = [(max if best_is_most else min)(means, default=None) for means in known]
    largest = max((abs(mean) for means in known for mean in means), default=1.0)
    decimals = max(0, DIGITS - ceil(log10(largest))) if largest else DIGITS
    for row in rows:
        table.add_row(
            Text(row.strategy),
            *(
                Text(_figure(*figure, decimals), style="bold" if figure[0] == best else "")
                for figure, best in zip(row.figures, bests, strict=True)
            ),
            *map(Text, row.more),
        )
    return table


def _figure(mean: float, half_width: float | None, decimals: int) -> str:
    if not isfinite(mean):  # no evaluation had ended
        return NOTHING
    return f"{mean:.{decimals}f}" + ("" if half_width is None else f" ± {half_width:.{decimals}f}")
