"""Tables of numbers, as several commands print them."""

from __future__ import annotations

from rich import box
from rich.table import Table


def number_table(name: str, *numbers: str) -> Table:
    """Return an empty table: a column of names, then columns of numbers, by their headings."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(name)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table
