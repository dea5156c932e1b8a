"""``nas zoo``: list the papers' networks by name."""

from __future__ import annotations

from analysis.zoo_table import TABLE_COLUMNS, zoo_entries, zoo_json, zoo_table
from nas.cli.output import Output
from nas.errors import CommandError
from search_space.zoo import ZOO


def show_zoo(output: Output, *, containing: str) -> None:
    """Print the networks whose name, group or source contains a text, whatever its case.

    Raises:
        CommandError: there is no such network.
    """
    wanted = containing.lower()
    entries = [
        entry
        for entry in zoo_entries(ZOO)
        if any(wanted in text.lower() for text in (entry.name, entry.group, entry.source))
    ]
    if not entries:
        raise CommandError(
            f"--filter: no network has {containing!r} in its name, group or source; `nas zoo` "
            "lists all"
        )
    if output.as_json:
        output.show_json(zoo_json(entries))
    else:
        output.show(zoo_table(entries), columns=TABLE_COLUMNS)
