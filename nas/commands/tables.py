"""``nas tables``: the papers' tables beside what this project counts."""

from __future__ import annotations

from rich.console import Console

from analysis.paper_tables.catalogue import CATALOGUE
from analysis.paper_tables.compared import compared_table, summary_of
from analysis.paper_tables.data import tables_data
from analysis.paper_tables.shown import TABLE_COLUMNS, shown_ending, shown_table
from nas.user_errors import CommandError
from search_space.nearest import hint


def show_tables(console: Console, names: list[str], *, as_json: bool) -> None:
    """Print the tables of these names, such as ``aacn3``; without names, all.

    Raises:
        CommandError: there is no such table.
    """
    keys = list(dict.fromkeys(name.lower() for name in names)) or list(CATALOGUE)
    for name in keys:
        if name not in CATALOGUE:
            raise CommandError(f"no table is called {name!r}; {hint(name, CATALOGUE)}")
    tables = [compared_table(key) for key in keys]
    summary = summary_of(tables)
    if as_json:
        console.print_json(data=tables_data(tables, summary))
        return
    # A narrower terminal breaks the lines itself, so that no digit is cut off.
    console.width = max(console.width, TABLE_COLUMNS)
    for table in tables:
        console.print(shown_table(table))
    console.print(shown_ending(tables, summary))
