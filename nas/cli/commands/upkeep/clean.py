"""``nas clean``: bound a run's disk use; say what goes, and how much, before it goes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import typer
from rich import box
from rich.table import Table

from nas.cli.commands.typed_command import from_here, typed
from nas.cli.output import Output
from nas.errors import RunIsDrivenError
from nas.storage.run.folder import RunFolder
from nas.workflows.cleaning import Kind, Removable, removable, remove
from nas.workflows.doctor.copies import size_of


def clean_run(
    output: Output,
    name: str,
    runs: Path,
    *,
    keep: Literal["all", "front"],
    yes: bool,
    dry_run: bool,
    trust: bool = False,
) -> None:
    """Print what can go, ask on a terminal, and remove it.

    Without a terminal and without ``yes``, nothing is removed.

    Raises:
        RunError: no such run, a process drives it, or its ledger cannot be read.
        TrustError: reading the run needs trust.
    """
    run = RunFolder.find(name, runs, trust=trust)
    if run.is_driven():
        raise RunIsDrivenError(
            f"run {run.name!r} is being driven by another process: clean it when that has ended"
        )
    removables = removable(run, keep=keep)
    whole, freed = size_of(run.path), sum(each.bytes for each in removables)
    store = run.config().networks_url
    if not output.as_json:
        _say_what_goes(output, run, removables, whole, freed)
        if store is not None:
            output.say(f"what full trainings keep at networks_url={store} is not looked at")
    asks = not (yes or dry_run or output.as_json) and sys.stdin.isatty() and output.is_terminal
    removes = bool(removables) and (yes or (asks and typer.confirm("remove them?")))
    if removes:
        remove(run, removables)
    if output.as_json:
        output.show_json(
            {
                "name": run.name,
                "bytes": whole,
                "freed_bytes": freed,
                "removed": removes,
                "not_looked_at": store,
                "files": [
                    {"file": str(each.path), "kind": each.kind, "bytes": each.bytes}
                    for each in removables
                ],
            }
        )
    elif removes:
        output.say(
            f"removed {freed:,} bytes; {from_here(run.path / 'cleaned.json')} lists the files"
        )
    elif removables and not asks:
        options = ["--keep", keep] if keep != "all" else []
        output.say(
            f"nothing was removed; do it with: {typed('clean', run.path, *options, '--yes')}"
        )


def _say_what_goes(
    output: Output, run: RunFolder, removables: Sequence[Removable], whole: int, freed: int
) -> None:
    if not removables:
        output.say((run.name, "bold"), f" holds {whole:,} bytes, and no file that is not needed")
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("what goes")
    table.add_column("files", justify="right")
    table.add_column("bytes", justify="right")
    for kind in Kind:
        own = [each for each in removables if each.kind == kind]
        if own:
            files, size = sum(each.files for each in own), sum(each.bytes for each in own)
            table.add_row(kind, f"{files:,}", f"{size:,}")
    output.show(table, columns=output.columns_of(table))
    for each in removables:
        output.say(f"  {from_here(each.path)} ({each.bytes:,} bytes)")
    output.say((run.name, "bold"), f" holds {whole:,} bytes; {freed:,} go, {whole - freed:,} stay")
