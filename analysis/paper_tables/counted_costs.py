"""Costs that this project counts for a row of the papers' tables."""

from __future__ import annotations

from typing import NamedTuple

from analysis.paper_tables.attention_part import attention_parts, flops_as_the_paper
from analysis.paper_tables.figure import CostName
from analysis.paper_tables.printed_tables import PrintedRow
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.zoo import named_network


class Counted(NamedTuple):
    """Exact costs; ``flops`` are 2 x MACs."""

    arch_id: str
    costs: dict[CostName, int]
    flops_as_the_paper: int | None  # as AACN seems to count, of networks that it augments


def counted(row: PrintedRow) -> Counted | None:
    """Count the costs of the row's network, or of its part; None if the row has no network."""
    if row.network is None:
        return None
    named = named_network(row.network)
    architecture = named.at_width(1.0)
    if row.part:
        return _attention(row.part, architecture, named.task)
    costs = network_costs(architecture, named.task)
    return Counted(
        architecture.arch_id,
        {"params": costs.params, "flops_paper": costs.flops_paper},
        flops_as_the_paper(architecture, named.task, costs.flops_paper),
    )


def _attention(part: str, architecture: Architecture, task: Task) -> Counted:
    """Count the attention of one layer of ``stage N``, or of all: ``total``, or ``max``.

    ``max`` has the largest memory of a layer, ``total`` the sum.
    """
    parts = attention_parts(architecture, task)
    if part.startswith("stage "):
        # A stage's layers cost the same: bottlenecks give all of them equal inputs.
        parts = [p._replace(layers=1) for p in parts if p.stage == int(part.split()[1])][:1]
    stored = [p.layers * p.map_bytes for p in parts]
    return Counted(
        architecture.arch_id,
        {
            "memory": max(p.map_bytes for p in parts) if part == "max" else sum(stored),
            "params": sum(p.layers * p.counts.params for p in parts),
            "flops_paper": sum(2 * p.layers * p.counts.macs for p in parts),
        },
        sum(2 * p.layers * p.paper_macs for p in parts),
    )
