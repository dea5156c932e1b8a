"""The costs of one architecture, part by part."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from nas.metrics import METRICS
from search_space.architecture import Architecture, Task
from search_space.cost import Costs, peak_memory_bytes
from search_space.families import FAMILIES, default_expansion, default_shortcut


def describe_table(architecture: Architecture, task: Task, costs: Costs) -> Table:
    """Return a table with a row for the stem, each stage and what follows, and their total.

    Args:
        architecture: the one to describe.
        task: the one it is for; the costs are per image of its shape.
        costs: ``network_costs(architecture, task)``.
    """
    channels, height, width = task.input_shape
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=Text(f"{architecture.arch_id}  {', '.join(_settings(architecture))}"),
        title_justify="left",
        caption=Text(
            f"per image of {channels}x{height}x{width}, {task.classes} classes; in the papers' "
            f"FLOPs (2 x MACs): {costs.flops_paper:,}\n"
            f"peak memory of a float32 training step per image, estimated: "
            f"{peak_memory_bytes(architecture, task) / 1e6:.3g} MB"
        ),
        caption_justify="left",
        show_footer=True,
    )
    table.add_column("part", "total", no_wrap=True)
    table.add_column("label", overflow="fold")
    table.add_column("output", justify="right", no_wrap=True)
    for name, total in costs.metrics().items():
        table.add_column(METRICS[name].heading, f"{total:,}", justify="right", no_wrap=True)
    table.add_column("MACs %", "100.0", justify="right", no_wrap=True)
    for part, label in zip(costs.parts, part_labels(architecture), strict=True):
        table.add_row(
            part.name,
            Text(label),  # a primitive's label may have brackets, which are not markup
            "x".join(map(str, part.output_shape)),
            f"{part.counts.params:,}",
            f"{part.counts.macs:,}",
            f"{part.counts.activations:,}",
            f"{100 * part.counts.macs / costs.macs:.1f}",
        )
    return table


def describe_json(architecture: Architecture, task: Task, costs: Costs) -> dict[str, Any]:
    """Return the same as plain data; shapes are without the batch, channels first.

    :mod:`search_space.space.architecture_file` reads ``architecture`` and ``task``, so that
    the JSON can be described again.
    """
    return {
        "arch_id": architecture.arch_id,
        "description": str(architecture),
        "architecture": architecture.model_dump(mode="json"),
        "family": architecture.family,
        "block": architecture.block,
        "expansion": architecture.expansion,
        "shortcut": architecture.shortcut,
        "head": architecture.head,
        "task": task.model_dump(mode="json"),
        "params": costs.params,
        "macs": costs.macs,
        "flops_paper": costs.flops_paper,
        "activations": costs.activations,
        "peak_memory_mb_per_image": peak_memory_bytes(architecture, task) / 1e6,
        "stages": [
            {
                "name": part.name,
                "label": label,
                "output_shape": list(part.output_shape),
                **part.counts._asdict(),
            }
            for part, label in zip(costs.parts, part_labels(architecture), strict=True)
        ],
    }


def part_labels(architecture: Architecture) -> list[str]:
    """Return a label for each part of an architecture, in the order of its costs."""
    labels = [architecture.stem.label, *(stage.label for stage in architecture.stages)]
    if architecture.detector is not None:
        pyramid, heads = architecture.detector.labels
        return [*labels, pyramid, heads, heads]
    head = ["normalisation + ReLU"] if FAMILIES[architecture.family].pre_activation else []
    head += [f"conv1 w{architecture.head}"] if architecture.head else []
    return [*labels, *([" + ".join(head)] if head else []), "mean + linear"]


def _settings(architecture: Architecture) -> list[str]:
    """Return family and block; expansion and shortcut where they are not the family's own."""
    settings = [architecture.family, f"{architecture.block.replace('_', ' ')} blocks"]
    if architecture.expansion != default_expansion({"block": architecture.block}):
        settings.append(f"expansion {architecture.expansion}")
    if architecture.shortcut != default_shortcut({"family": architecture.family}):
        settings.append(f"{architecture.shortcut} shortcuts")
    return settings
