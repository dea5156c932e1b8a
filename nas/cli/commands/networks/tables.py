"""``nas tables``: the papers' tables beside what this project counts."""

from __future__ import annotations

from analysis.paper_tables.catalogue import CATALOGUE
from analysis.paper_tables.comparison import compared_table, summary_of
from analysis.paper_tables.plain_data import tables_data
from analysis.paper_tables.rendering import TABLE_COLUMNS, shown_ending, shown_table
from nas.cli.output import Output
from nas.errors import CommandError
from search_space.nearest import hint


def show_tables(output: Output, names: list[str]) -> None:
    """Print the tables of the given names, such as ``aacn3``; all if there are none.

    Raises:
        CommandError: there is no such table.
    """
    keys = list(dict.fromkeys(name.lower() for name in names)) or list(CATALOGUE)
    for name in keys:
        if name not in CATALOGUE:
            raise CommandError(f"no table is called {name!r}; {hint(name, CATALOGUE)}")
    tables = [compared_table(key) for key in keys]
    summary = summary_of(tables)
    if output.as_json:
        output.show_json(tables_data(tables, summary))
        return
    for table in tables:
        output.show(shown_table(table), columns=TABLE_COLUMNS)
    output.show(shown_ending(tables, summary), columns=TABLE_COLUMNS)
