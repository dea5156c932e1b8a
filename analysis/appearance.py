"""What the plots look like: units, ticks, and a colour and marker for each kind of network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import ceil, floor, log10
from typing import NamedTuple

from nas.front import Candidate
from search_space.architecture import Architecture

AXIS_LABELS = {
    "params": "parameters",
    "macs": "MACs per image",
    "activations": "activations per image",
    "latency_ms": "latency, ms",
    "val_accuracy": "validation accuracy, %",
    "test_accuracy": "test accuracy, %",
}

UNITS = {
    "params": "parameters",
    "macs": "MACs",
    "activations": "activations",
    "latency_ms": "ms",
}
"""What follows a cost's number in running text."""

FRONT = "Pareto front ± standard error"
FAMILIES = "most frequent primitive"

INK = "#222222"
FAINT_INK = "#6b6b6b"
GRID = "#e4e4e4"

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D31")
"""Colours that the colour-blind can tell apart (Okabe and Ito 2008; its black is the front's, and
its yellow, too light for a white page, is a brown here)."""

MOST_TICKS = 8
LEAST_EXTENT = 1.5  # of a log axis, end over end, so that a single cost is in its middle


class Marking(NamedTuple):
    """How the candidates of one family are drawn."""

    label: str
    colour: str
    marker: str  # matplotlib's name
    symbol: str  # Plotly's name of the same


SHAPES = (
    ("o", "circle"),
    ("s", "square"),
    ("^", "triangle-up"),
    ("D", "diamond"),
    ("v", "triangle-down"),
    ("P", "cross"),
    ("X", "x"),
)

LABELS = {
    "conv": "convolution",
    "augmented_conv": "augmented convolution",
    "local_attention": "local attention",
}
"""In the order of their colours, which a family keeps whatever else is in the picture."""


def dominant_primitive(architecture: Architecture) -> str:
    """The most frequent primitive type over the blocks; of equally frequent ones, the first."""
    return Counter(architecture.primitive_types()).most_common(1)[0][0]


def markings(candidates: Iterable[Candidate]) -> dict[str, Marking]:
    """For each dominant primitive among ``candidates``, how to draw it; the known ones first."""
    found = {dominant_primitive(candidate.architecture) for candidate in candidates}
    own = sorted(found - LABELS.keys())  # a user's, named module:Class
    names = [*LABELS, *own]
    return {
        name: Marking(
            LABELS.get(name, name.rpartition(":")[2]),
            PALETTE[index % len(PALETTE)],
            *SHAPES[index % len(SHAPES)],
        )
        for index, name in enumerate(names)
        if name in found
    }


def log_limits(values: Iterable[float]) -> tuple[float, float]:
    """The ends of a log axis with ``values``, which are positive, and a margin on both sides."""
    values = list(values)
    low, high = min(values), max(values)
    margin = max((high / low) ** 0.05, (LEAST_EXTENT * low / high) ** 0.5)
    return low / margin, high * margin


def log_ticks(low: float, high: float) -> list[float]:
    """Round values between ``low`` and ``high`` for a log axis, as many as can be labelled.

    Multiples of 1-2-3-5-7 or fewer of each power of ten; of 1, 2, 2.5 or 5 where the axis is so
    short that those would be less than four.
    """
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    for leading in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**power for power in powers for digit in leading]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) < 4 and leading != (1,):
            return _even_ticks(low, high)
        if len(ticks) <= MOST_TICKS:
            return ticks
    return ticks[:: ceil(len(ticks) / MOST_TICKS)]


def _even_ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 6
    power = 10.0 ** floor(log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= rough)
    return [step * index for index in range(ceil(low / step), floor(high / step) + 1)]
