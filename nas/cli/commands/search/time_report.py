"""A run's time, what is expected of its next hour, and why it ended before all was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.evaluation.metric_names import MetricNames
from nas.quantities import duration
from nas.search.endings.expected_growth import growth_text
from nas.storage.device_time import DeviceTime
from nas.storage.run.ending import Ending
from nas.storage.sessions import Session


def time_json(
    config: SearchConfig, ending: Ending | None, sessions: Sequence[Session], spent: DeviceTime
) -> dict[str, Any]:
    """Return a run's time, what is expected of the next hour and why it ended, as plain data.

    Args:
        config: of the run.
        ending: of its search; None if it did not end early.
        sessions: of its search's drivers.
        spent: the time of the search's workers.
    """
    growth = sessions[-1].expected_growth_an_hour if sessions else None
    return {
        "spent": {
            "hours": spent.wall_seconds / 3600 if sessions else None,
            "max_hours": config.search.max_hours,
            "device_hours": spent.busy_seconds / 3600,
            "max_device_hours": config.search.max_device_hours,
        },
        "expected_growth_an_hour": growth,
        "expected_growth": None
        if growth is None
        else growth_text(growth, config.objectives, MetricNames(config.metric)),
        "ended": None if ending is None else ending.to_json(),
    }


def say_time(output: Output, status: Mapping[str, Any]) -> None:
    """Print the lines of ``nas status`` for what :func:`time_json` returns."""
    spent = status["spent"]
    if spent["hours"] is not None:
        parts = [
            f"{duration(3600 * spent[key])}{'' if most is None else f' of {duration(3600 * most)}'}"
            for key, most in (
                ("hours", spent["max_hours"]),
                ("device_hours", spent["max_device_hours"]),
            )
        ]
        output.say(f"  time: {parts[0]}, of all trials' workers {parts[1]}")
    if status["expected_growth"] is not None:
        output.say(f"  expected growth: {status['expected_growth']}")
    if status["ended"] is not None:
        ending = Ending(**{each.name: status["ended"][each.name] for each in fields(Ending)})
        output.say(f"  ended early: {ending}")
        if ending.how_to_go_on:
            output.say(f"  {ending.how_to_go_on}")
