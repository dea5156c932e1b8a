"""The papers' networks by name, with their costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from nas.metrics import COUNTS, METRICS
from search_space.architecture import Architecture, Task
from search_space.cost import Costs, network_costs
from search_space.families import FAMILIES
from search_space.zoo import NamedNetwork

WIDTH_HINT = "A factor on all widths may follow any name, as in resnet50@0.5."

GFLOP = 1e9

TABLE_COLUMNS = 105
"""The widest that a table is."""

OPERATORS = {
    "augmented_conv": "augmented convolution",
    "local_attention": "stand-alone attention",
}
"""Names of the operators that set ResNets apart, by the type of a primitive."""


class ZooEntry(NamedTuple):
    """A named network, made at its own width."""

    name: str
    group: str
    source: str
    task: Task
    architecture: Architecture
    costs: Costs


def zoo_entries(zoo: Mapping[str, NamedNetwork]) -> list[ZooEntry]:
    """List every network of ``zoo``, those of a group together, else in the zoo's order."""
    entries = []
    for name, named in zoo.items():
        architecture = named.at_width(1.0)
        costs = network_costs(architecture, named.task)
        group = _group(architecture)
        entries.append(ZooEntry(name, group, named.source, named.task, architecture, costs))
    order = list(dict.fromkeys(entry.group for entry in entries))
    return sorted(entries, key=lambda entry: order.index(entry.group))


def zoo_table(entries: list[ZooEntry]) -> Group:
    """Return a table for each group, its task in the title."""
    name_columns = max(len(entry.name) for entry in entries)  # so that the groups line up
    groups: dict[tuple[str, Task], list[ZooEntry]] = {}
    for entry in entries:
        groups.setdefault((entry.group, entry.task), []).append(entry)
    parts: list[Text | Table] = []
    for (group, task), members in groups.items():
        shape = "x".join(map(str, task.input_shape))
        parts.append(
            Text.assemble((group, "bold"), f"  {task.dataset}, {shape}, {task.classes} classes")
        )
        parts += [_group_table(members, name_columns), Text()]
    return Group(*parts, Text(f"GFLOPs are the papers': 2 x MACs. {WIDTH_HINT}"))


def zoo_json(entries: list[ZooEntry]) -> list[dict[str, Any]]:
    """Return the entries as plain data."""
    return [
        {
            "name": entry.name,
            "arch_id": entry.architecture.arch_id,
            "group": entry.group,
            "source": entry.source,
            "task": entry.task.model_dump(mode="json"),
            **entry.costs.metrics(),
            "flops_paper": entry.costs.flops_paper,
        }
        for entry in entries
    ]


def _group_table(members: list[ZooEntry], name_columns: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("network", no_wrap=True, min_width=name_columns)
    params, macs, activations = (METRICS[cost].heading for cost in COUNTS)
    for heading, columns in {params: 10, macs: 14, "GFLOPs": 7, activations: 11}.items():
        table.add_column(heading, justify="right", no_wrap=True, min_width=columns)
    table.add_column("source", no_wrap=True)
    for entry in members:
        costs = entry.costs
        table.add_row(
            entry.name,
            f"{costs.params:,}",
            f"{costs.macs:,}",
            f"{costs.flops_paper / GFLOP:.3f}",
            f"{costs.activations:,}",
            entry.source,
        )
    return table


def _group(architecture: Architecture) -> str:
    if architecture.detector is not None:
        return "RetinaNet"
    title = FAMILIES[architecture.family].title
    if architecture.family != "resnet":
        return title
    for kind in architecture.primitive_types():
        if kind in OPERATORS:
            return f"{title} with {OPERATORS[kind]}"
    gated = any(stage.recalibration for stage in architecture.stages)
    return f"{title} with channel or spatial attention" if gated else title
