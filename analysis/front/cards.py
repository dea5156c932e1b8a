"""Cards of networks on a page: what each is, drawn, with its accuracy and costs."""

from __future__ import annotations

from typing import Any

from analysis.drawing.architecture import draw_architecture, without_heading
from analysis.drawing.svg import svg_of
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.metrics import COSTS
from nas.quantities import format_quantity
from nas.storage.accuracy_text import accuracy_text
from nas.storage.candidates import Candidate
from search_space.architecture import Task
from search_space.cost import network_costs


def card(
    candidate: Candidate, task: Task, name: str = "", names: MetricNames = OF_ACCURACY
) -> dict[str, Any]:
    """Return what a page shows of a network.

    Args:
        candidate: the network, evaluated.
        task: the one that it was evaluated on.
        name: its name on the page, such as "member 3"; empty for none.
        names: of the run's metrics.

    Returns:
        ``name``, ``facts`` (each a label, a text, a value to compare by or None, and whether its
        difference is in percent points), ``parts`` (a line a stage) and ``drawing`` (SVG).
    """
    architecture = candidate.architecture
    costs = network_costs(architecture, task)
    return {
        "name": name,
        "facts": _facts(candidate, names),
        "parts": str(architecture).split(" | "),
        "drawing": svg_of(without_heading(draw_architecture(architecture, task, costs))),
    }


def _facts(candidate: Candidate, names: MetricNames) -> list[dict[str, Any]]:
    metrics = candidate.metrics
    facts = []
    if "val_accuracy" in metrics:
        label, value = names.of_split("validation"), metrics["val_accuracy"]
        facts.append(_fact(label, accuracy_text(candidate), value, in_points=True))
        if candidate.is_fresh and candidate.as_found is not None:
            facts.append(_fact("as found", f"{candidate.as_found:.2%}", None))
    for cost in COSTS:
        if cost in metrics:
            metric = names[cost]
            unit = "" if metric.is_count else f" {metric.unit}"
            text = f"{format_quantity(metrics[cost])}{unit}"
            facts.append(_fact(metric.label.removesuffix(" per image"), text, metrics[cost]))
    return facts


def _fact(label: str, text: str, value: float | None, *, in_points: bool = False) -> dict[str, Any]:
    return {"label": label, "text": text, "value": value, "in_points": in_points}
