"""Where the hours of a search's workers went, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.cli.number_table import number_table
from nas.cli.output import Output
from nas.evaluation.time_parts import LABELS
from nas.storage.device_time import DeviceTime

ALWAYS_SHOWN = ("training", "evaluation", "loading", "latency", "waiting_driver", "lost")
"""Parts that have a line even if they took no time."""

LEAST_SHOWN = 0.0005
"""Another part has a line if it took at least this share of the hours."""


def device_time_json(spent: DeviceTime) -> dict[str, Any]:
    """Return plain data: hours by part, and shares of wall time x workers in 0..1."""
    whole = spent.worker_seconds
    return {
        "hours": {part: spent.seconds.get(part, 0.0) / 3600 for part in LABELS},
        "hours_running": spent.running_seconds / 3600,
        "hours_together": spent.all_seconds / 3600,
        "workers": spent.workers,
        "wall_hours": spent.wall_seconds / 3600,
        "wall_hours_times_workers": None if whole is None else whole / 3600,
        "training_share": spent.training_share,
        "accounted_share": spent.accounted_share,
    }


def show_device_time(output: Output, spent: Mapping[str, Any]) -> None:
    """Print a table of hours and percent, from what :func:`device_time_json` returned."""
    together = spent["hours_together"]
    if not together:
        return
    table = number_table("  where they went", "hours", "%")

    def add(name: str, hours: float) -> None:
        table.add_row(f"  {name}", f"{hours:.3f}", f"{hours / together:.1%}"[:-1])

    share, accounted = spent["training_share"], spent["accounted_share"]
    for part, label in LABELS.items():
        hours = spent["hours"][part]
        if (part in ALWAYS_SHOWN and share is not None) or hours >= LEAST_SHOWN * together:
            add(label, hours)
    if spent["hours_running"]:
        add("in trials that run now", spent["hours_running"])
    add("together", together)
    output.show(table)
    if share is None:
        output.say("  an earlier version ran a part of the search, and did not measure all of it")
    else:
        output.say(
            f"  workers trained for {share:.1%} of wall time x workers "
            f"({spent['wall_hours_times_workers']:.3f} hours, {accounted:.1%} of them above)"
        )
