"""``nas zoo``: the papers' networks by name."""

from __future__ import annotations

from rich.console import Console

from analysis.zoo_table import TABLE_COLUMNS, zoo_entries, zoo_json, zoo_table
from nas.user_errors import CommandError
from search_space.zoo import ZOO


def show_zoo(console: Console, *, containing: str, as_json: bool) -> None:
    """Print the networks whose name, group or source contains a text, whatever its case.

    Raises:
        CommandError: no network's does.
    """
    wanted = containing.lower()
    found = [
        entry
        for entry in zoo_entries(ZOO)
        if any(wanted in text.lower() for text in (entry.name, entry.group, entry.source))
    ]
    if not found:
        raise CommandError(
            f"--filter: no network has {containing!r} in its name, group or source; `nas zoo` "
            "lists all"
        )
    if as_json:
        console.print_json(data=zoo_json(found))
    else:
        # A narrower terminal breaks the lines itself, so that no digit is cut off.
        console.width = max(console.width, TABLE_COLUMNS)
        console.print(zoo_table(found))
