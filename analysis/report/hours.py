"""Where the hours of the search's workers went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.page.section import Section, bar_shares
from analysis.report.run_data import ReportRun
from nas.evaluation.time_parts import LABELS, sum_of
from nas.quantities import duration

LEAST_SHOWN = 0.0005
"""A part has a bar if it took at least this share."""


def hours_section(runs: Sequence[ReportRun]) -> Section | None:
    """Return the section; None where no time was measured."""
    seconds = sum_of(run.time.seconds for run in runs)
    running = sum(run.time.running_seconds for run in runs)
    together = sum(seconds.values()) + running
    if not together:
        return None
    parts = {label: seconds.get(part, 0.0) for part, label in LABELS.items()}
    parts["trials that run now"] = running
    shown = {label: each for label, each in parts.items() if each >= LEAST_SHOWN * together}
    return Section(
        "hours",
        "Where the hours went",
        "report/templates/hours.html",
        {
            "parts": [
                {
                    "label": label,
                    "text": f"{duration(each)}, {each / together:.1%}",
                    "share": share,
                }
                for (label, each), share in zip(
                    shown.items(), bar_shares(list(shown.values())), strict=True
                )
            ],
            "notes": [note for run in runs for note in _notes(run, len(runs) > 1)],
        },
    )


def _notes(run: ReportRun, is_named: bool) -> list[str]:
    whose = f"{run.name}: " if is_named else ""
    time: Any = run.time
    if time.training_share is None or time.worker_seconds is None:
        return [f"{whose}an earlier version ran a part of it, and did not measure all of its time"]
    return [
        f"{whose}{time.workers} workers trained for {time.training_share:.1%} of wall time x "
        f"workers, {time.worker_seconds / 3600:.3g} hours, of which {time.accounted_share:.1%} "
        "are accounted for here"
    ]
