"""Networks beside a front: plain ones, and those that ``nas train`` was given.

Each was evaluated by the search's proxy with the fresh seeds of the front's members, so that their
accuracies compare with the members' fresh ones. They are no candidates: no search chose them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.quantities import format_quantity
from nas.storage.accuracy_text import accuracy_json, accuracy_text
from nas.storage.candidates import Candidate

PLAIN = "plain convolution"
"""The kind of plain networks, see :mod:`search_space.baseline`."""

BY_NAME = "trained"
"""The kind of networks that `nas train` was given."""

COSTS = ("params", "macs")
"""The costs that have a column."""


class Beside(NamedTuple):
    """A network beside the front."""

    kind: str  # "trained", or the name of plain networks
    network: str  # the name that `nas train` was given; empty for plain networks
    candidate: Candidate

    @property
    def label(self) -> str:
        """The network's name, or its kind."""
        return self.network or self.kind


def beside_table(beside: Sequence[Beside], x: str, names: MetricNames = OF_ACCURACY) -> Table:
    """Return a row for each network, by the cost ``x`` where it is known."""
    costs = [*COSTS, *({x} - set(COSTS))]
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title="beside the front: by the same proxy and fresh seeds, and not of the search",
        title_justify="left",
    )
    table.add_column("network")
    table.add_column("arch_id", no_wrap=True)
    table.add_column(names.of_split("validation"), justify="right", no_wrap=True)
    for cost in costs:
        table.add_column(names[cost].heading, justify="right", no_wrap=True)
    for each in by_cost(beside, x):
        metrics = each.candidate.metrics
        table.add_row(
            each.label,
            each.candidate.arch_id,
            accuracy_text(each.candidate),
            *(format_quantity(metrics[cost]) if cost in metrics else "-" for cost in costs),
        )
    return table


def beside_json(beside: Sequence[Beside], x: str) -> list[dict[str, Any]]:
    """Return the networks as plain data; see :func:`nas.storage.accuracy_text.accuracy_json`."""
    return [
        {
            "kind": each.kind,
            "network": each.network or None,
            "arch_id": each.candidate.arch_id,
            "description": str(each.candidate.architecture),
            "architecture": json.loads(each.candidate.architecture.canonical_json()),
            **accuracy_json(each.candidate),
            "metrics": dict(sorted(each.candidate.metrics.items())),
            "device_seconds": each.candidate.device_seconds,
        }
        for each in by_cost(beside, x)
    ]


def by_cost(beside: Sequence[Beside], x: str) -> list[Beside]:
    """Return the networks by ascending cost; those whose cost is unknown come last."""
    return sorted(beside, key=lambda each: each.candidate.metrics.get(x, float("inf")))
