"""The table of metrics: what each number of a trial means, and which direction is better.

No other module holds facts about a metric, and only :func:`losses` turns metrics into losses, of
which less is better.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Objective = Literal["val_accuracy", "val_accuracy_by_latency", "params", "macs", "latency_ms"]
"""The metrics that a search may have as objectives."""

PEAK_MEMORY = "peak_memory_mb"
PREDICTED_LATENCY = "predicted_latency_ms"
"""The least latency that a latency table predicts: its prediction minus its margin."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        name: its key in the ledger, in every JSON and in options.
        unit: the unit in running text; accuracies are fractions, shown in "%".
        direction: whether more or less is better, in Optuna's words.
        label: its name on a plot's axis, without the unit.
        heading: its name above a table's column; lines are short.
        is_count: whether it is a whole number.
        is_static: whether it is known before training, since it follows from the architecture and
            its task alone (or from a latency table), with nothing built or measured.
        moves_while_training: whether it changes from epoch to epoch, so that rungs compare it.
        can_be_limited: whether it is a network's cost, which may have an upper limit and be an
            axis of a front.
        uses_latency: whether it is a latency, or is computed from one.
    """

    name: str
    unit: str
    direction: Literal["maximize", "minimize"]
    label: str
    heading: str
    is_count: bool = False
    is_static: bool = False
    moves_while_training: bool = False
    can_be_limited: bool = False
    uses_latency: bool = False

    @property
    def is_maximised(self) -> bool:
        """Whether more is better."""
        return self.direction == "maximize"

    @property
    def axis_label(self) -> str:
        """The label and the unit, which a count's label names already: ``latency, ms``."""
        return self.label if self.is_count else f"{self.label}, {self.unit}"


_TABLE = (
    Metric(
        name="val_accuracy",
        unit="%",
        direction="maximize",
        label="validation accuracy",
        heading="val\nacc.%",
        moves_while_training=True,
    ),
    Metric(
        name="val_accuracy_by_latency",
        unit="%",
        direction="maximize",
        label="validation accuracy weighed by latency",
        heading="weighed\nacc.%",
        moves_while_training=True,
        uses_latency=True,
    ),
    Metric(
        name="test_accuracy",
        unit="%",
        direction="maximize",
        label="test accuracy",
        heading="test\nacc.%",
    ),
    Metric(
        name="params",
        unit="parameters",
        direction="minimize",
        label="parameters",
        heading="params",
        is_count=True,
        is_static=True,
        can_be_limited=True,
    ),
    Metric(
        name="macs",
        unit="MACs",
        direction="minimize",
        label="MACs per image",
        heading="MACs",
        is_count=True,
        is_static=True,
        can_be_limited=True,
    ),
    Metric(
        name="activations",
        unit="activations",
        direction="minimize",
        label="activations per image",
        heading="activations",
        is_count=True,
        is_static=True,
        can_be_limited=True,
    ),
    Metric(
        name=PEAK_MEMORY,
        unit="MB",
        direction="minimize",
        label="peak memory of a training step",
        heading="memory\nMB",
        is_static=True,
        can_be_limited=True,
    ),
    Metric(
        name=PREDICTED_LATENCY,
        unit="ms",
        direction="minimize",
        label="predicted latency",
        heading="predicted\nms",
        is_static=True,
        uses_latency=True,
    ),
    Metric(
        name="latency_ms",
        unit="ms",
        direction="minimize",
        label="latency",
        heading="latency\nms",
        can_be_limited=True,
        uses_latency=True,
    ),
    Metric(
        name="latency_ms_first",
        unit="ms",
        direction="minimize",
        label="latency before training",
        heading="first\nms",
        uses_latency=True,
    ),
    Metric(
        name="latency_ms_again",
        unit="ms",
        direction="minimize",
        label="latency after the search",
        heading="again\nms",
        uses_latency=True,
    ),
    Metric(
        name="device_seconds",
        unit="s",
        direction="minimize",
        label="time on the device",
        heading="device\ns",
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _TABLE})

MAXIMISED = tuple(metric.name for metric in _TABLE if metric.is_maximised)
COUNTS = tuple(metric.name for metric in _TABLE if metric.is_count)
COSTS = tuple(metric.name for metric in _TABLE if metric.can_be_limited)
"""Costs of a network; less is better."""
STATIC_COSTS = tuple(metric.name for metric in _TABLE if metric.is_static and metric.can_be_limited)
"""Limited costs that follow from an architecture and its task, before anything is built."""


def losses(
    metrics: Mapping[str, float], names: Iterable[str], maximised: Container[str] = MAXIMISED
) -> list[float]:
    """Return the named metrics as losses: less is better, maximised metrics are negated.

    Args:
        metrics: by name.
        names: which of them, in order.
        maximised: the names of metrics that are maximised. A benchmark's table has its own names.

    Raises:
        KeyError: a name is not among ``metrics``.
    """
    return [-metrics[name] if name in maximised else metrics[name] for name in names]


def whole_counts(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics with every count as an int.

    Arithmetic and older ledgers have floats. Means over evaluations of one architecture are whole
    too, since all of them have the same counts.
    """
    return {
        name: int(value)
        if name in COUNTS and isinstance(value, float) and value.is_integer()
        else value
        for name, value in metrics.items()
    }
