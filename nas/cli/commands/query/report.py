"""``nas report``: one page on a run, or on several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from analysis.page.document import write_page
from analysis.report.page import (
    Live,
    NothingFinished,
    page_of_sections,
    report_html,
    report_sections,
)
from analysis.report.run_data import ReportRun
from nas.cli.commands.picture_files import check_ending
from nas.cli.commands.query.report_run import read_run
from nas.cli.output import Output
from nas.errors import CommandError, RunError
from nas.quantities import format_quantity
from nas.storage.run.folder import RunFolder
from nas.storage.stored_run import run_at


class NothingYet(CommandError):
    """Neither a trial nor a full training of the runs has finished."""


def write_report(
    output: Output,
    names: Sequence[str],
    runs: Path,
    *,
    html: Path,
    storage: str | None = None,
    trust: bool = False,
) -> None:
    """Write the report of runs as one file; as JSON, print what its first screen says.

    Args:
        output: to print to.
        names: of the runs, or their paths.
        runs: the folder of all runs.
        html: the file to write; an existing one is replaced.
        storage: the database that the runs are read from, without their folders.
        trust: the option ``--trust``.

    Raises:
        CommandError: a wrong option, runs that do not compare, or nothing in them has finished.
        RunError: no such run, its ledger cannot be read, or the file cannot be written.
        TrustError: reading a run needs trust.
    """
    check_ending("--output", html, ".html")
    with found_runs(names, runs, storage=storage, trust=trust) as folders:
        data = _read(folders, trust=trust)
    with _one_error():
        sections = report_sections(data)
        page = page_of_sections(data, sections)
    summary = sections[0]
    try:
        write_page(html, page)
    except OSError as error:
        raise RunError(f"cannot write {html}: {error.strerror or error}") from error
    size_bytes = len(page.encode())
    if output.as_json:
        output.show_json(
            {
                "file": str(html),
                "bytes": size_bytes,
                "runs": [{"name": run.name, "state": run.state} for run in data],
                "answers": summary.data["answers"],
                "next_commands": [each._asdict() for each in summary.data["commands"]],
            }
        )
    else:
        output.say(f"report written to {html} ({format_quantity(size_bytes)}B)")


@contextmanager
def found_runs(
    names: Sequence[str], runs: Path, *, storage: str | None, trust: bool
) -> Iterator[list[RunFolder]]:
    """Find runs, each of which counts once.

    Raises:
        CommandError, RunError: see :func:`nas.storage.stored_run.run_at`.
    """
    with ExitStack() as stack:
        each = [
            stack.enter_context(run_at(name, runs, storage=storage, trust=trust)) for name in names
        ]
        yield list({run.path: run for run in each}.values())


def report_of(folders: Sequence[RunFolder], *, trust: bool, live: Live | None = None) -> str:
    """Return the report of runs.

    Args:
        folders: of the runs.
        trust: the option ``--trust``.
        live: see :func:`analysis.report.page.report_html`.

    Raises:
        NothingYet: no trial and no full training has finished.
        CommandError: the runs do not compare.
        RunError: a ledger or file of theirs cannot be read.
        TrustError: reading a run needs trust.
    """
    data = _read(folders, trust=trust)
    with _one_error():
        return report_html(data, live=live)


def _read(folders: Sequence[RunFolder], *, trust: bool) -> list[ReportRun]:
    """Read runs; those of one name, such as copies, are called by their folders."""
    data = [read_run(run, trust=trust) for run in folders]
    if len({run.name for run in data}) == len(data):
        return data
    return [replace(run, name=str(folder.path)) for run, folder in zip(data, folders, strict=True)]


@contextmanager
def _one_error() -> Iterator[None]:
    """Turn what a report cannot be made of into an error of the command."""
    try:
        yield
    except NothingFinished as error:
        raise NothingYet(str(error)) from error
    except ValueError as error:
        raise CommandError(str(error)) from error
