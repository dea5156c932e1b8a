"""The table of ``nas benchmark``, from its command line."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from nas.benchmark.csv_table import read_csv_table
from nas.benchmark.nas_bench_macro import read_nas_bench_macro
from nas.benchmark.table import BenchmarkTable, TableError
from nas.benchmark.tabulation_reader import read_tabulated
from nas.errors import CommandError
from nas.storage.run.file_imports import allow_imports

SHIPPED = Path(str(files("nas") / "tables" / "digits.csv.gz"))
"""The included table, made by ``nas tabulate``; its head says how."""


class Source(NamedTuple):
    """The options that name a table; an empty text is an option that was not given."""

    nas_bench_macro: Path | None
    csv: Path | None
    tabulated: Path | None
    choices: str
    maximize: str
    minimize: str
    seconds: str
    trust: bool = False  # --trust, for --tabulated


def read_source(source: Source) -> BenchmarkTable:
    """Read the table that the command line names, the included one by default.

    A table in the folder of a trusted run may import modules, as with ``--trust``: see
    :func:`nas.storage.run.file_imports.allow_imports`.

    Raises:
        CommandError: options exclude each other, or the table is not as they say.
    """
    given = {
        "--nas-bench-macro": source.nas_bench_macro,
        "--csv": source.csv,
        "--tabulated": source.tabulated,
    }
    named = [option for option, path in given.items() if path is not None]
    if len(named) > 1:
        raise CommandError(f"{' and '.join(named)} exclude each other")
    columns = {
        "--choices": source.choices,
        "--maximize": source.maximize,
        "--minimize": source.minimize,
        "--seconds": source.seconds,
    }
    source_option = named[0] if named else ""
    usable = {"--csv": list(columns), "--nas-bench-macro": []}.get(source_option, ["--minimize"])
    for option, value in columns.items():
        if value and option not in usable:
            if not source_option:
                raise CommandError(f"{option} goes with --csv alone, which was not given")
            raise CommandError(f"{option} does not go with {source_option}")
    try:
        if source.nas_bench_macro is not None:
            return read_nas_bench_macro(source.nas_bench_macro)
        if source.csv is None:
            path, imports = SHIPPED, False
            if source.tabulated is not None:
                path = source.tabulated
                imports = allow_imports(path, trust=source.trust)
            return read_tabulated(path, minimise=source.minimize or "params", imports=imports)
        missing = [o for o, value in columns.items() if not value and o != "--seconds"]
        if missing:
            raise CommandError(f"--csv needs {', '.join(missing)}")
        return read_csv_table(
            source.csv,
            choices=[name.strip() for name in source.choices.split(",")],
            maximise=source.maximize,
            minimise=source.minimize,
            seconds=source.seconds or None,
        )
    except TableError as error:
        raise CommandError(str(error)) from error
