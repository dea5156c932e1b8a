"""The first screen of runs without a search: what was trained, how sure that is, what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.page.section import Section
from analysis.report.run_data import Command, ReportRun
from analysis.report.summary import accuracy_in_test, first_screen, trained_here
from nas.quantities import duration, format_quantity, number_range

MOST_LINES = 3


def trained_summary_section(runs: Sequence[ReportRun]) -> Section | None:
    """Return the answers; None where the runs have neither full trainings nor what is of them."""
    networks = [row for run in runs for row in run.retrained]
    trained = [row for run in runs for row in run.rows["retrain"] if row.state == "complete"]
    if not trained and not any(run.trace or run.ablations for run in runs):
        return None
    return first_screen(
        [
            _what(runs, networks, len({row.arch_id for row in trained})),
            _how_sure(networks),
            _what_it_cost(runs, len(trained)),
        ],
        _commands(runs),
    )


def _what(runs: Sequence[ReportRun], networks: Sequence[Any], count: int) -> dict[str, Any]:
    ranked = sorted(
        (row for row in networks if row["test_accuracy"] is not None),
        key=lambda row: -row["test_accuracy"],
    )
    lines = [
        f"{row['network'] or row['kind']}, {row['arch_id']}: "
        f"{accuracy_in_test(row, runs[0].names)} in the test at "
        f"{format_quantity(row['params'])} parameters."
        for row in ranked[:MOST_LINES]
    ]
    ablations = sum(len(run.ablations) for run in runs)
    if ablations:
        lines.append(f"{ablations} of them {'was' if ablations == 1 else 'were'} ablated.")
    if any(run.trace for run in runs):
        lines.append(f"A trace of {runs[0].names.noun} against cost is below.")
    plural = "" if count == 1 else "s"
    return {
        "question": "What was found",
        "lead": f"{count} network{plural} trained in full; nothing was searched",
        "lines": lines,
    }


def _how_sure(networks: Sequence[Any]) -> dict[str, Any]:
    if not networks:
        lead, lines = "See the intervals below", []
    else:
        counts = number_range(row["n"] for row in networks)
        lead = f"{counts} training{'' if counts == '1' else 's'} of each network"
        known = any(row["test_standard_error"] is not None for row in networks)
        lines = [
            "± is the standard error of the mean over trainings."
            if known
            else "One training says nothing about the differences from seed to seed."
        ]
    return {"question": "How sure it is", "lead": lead, "lines": lines}


def _what_it_cost(runs: Sequence[ReportRun], count: int) -> dict[str, Any]:
    own = [row for run in runs for row in trained_here(run)]
    spent = sum(row.spent_seconds for row in own)
    lines = [f"{count:,} full training{'' if count == 1 else 's'}."]
    taken = count - sum(row.state == "complete" for row in own)
    if taken:
        lines.append(f"{taken:,} of them were taken from another run.")
    return {
        "question": "What it cost",
        "lead": f"{duration(spent)} of training" if spent else "Nothing was trained here",
        "lines": lines,
    }


def _commands(runs: Sequence[ReportRun]) -> list[Command]:
    return [each for run in runs for each in run.next_commands]
