"""The look of the plots: ticks, colours and markers."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor, log10
from typing import NamedTuple

from analysis.composition import LABELS, attention_share
from search_space.architecture import Architecture

FRONT = "Pareto front ± standard error"
BESIDE = "beside the front"
MEMBER_AS_FOUND = "a member as found by the search"

INK = "#222222"
FAINT_INK = "#6b6b6b"
GRID = "#e4e4e4"

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D31")
"""Colours that the colour-blind can tell apart (Okabe and Ito 2008; its black is the front's, and
its yellow, too light for a white page, is a brown here)."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

MOST_TICKS = 8
LEAST_EXTENT = 1.5  # of a log axis, end over end, so that a single cost is in its middle


class Marking(NamedTuple):
    """The mark of candidates whose share of blocks with attention is in some range."""

    label: str
    most: float  # the highest share in the range
    colour: str
    marker: str  # matplotlib's name
    symbol: str  # Plotly's name of the same
    is_light: bool  # so that what is written on it must be dark


MARKINGS = (
    Marking("none", 0.0, "#9E9E9E", "o", "circle", is_light=True),
    Marking("up to half", 0.5, "#B79AD9", "s", "square", is_light=True),
    Marking("more than half", 1 - 1e-9, "#7B3FB5", "^", "triangle-up", is_light=False),
    Marking("all", 1.0, "#3B0764", "D", "diamond", is_light=False),
)
"""The marks by ascending share of blocks with attention; the more, the darker."""

LIGHT_COLOURS = {
    "ink": INK,
    "faint": FAINT_INK,
    "grid": GRID,
    "paper": "#ffffff",
    "wash": "#f5f5f4",
    "edge": "#8a8a8a",
    "accent": PALETTE[0],
    **{f"mark-{index}": marking.colour for index, marking in enumerate(MARKINGS)},
    **{
        f"on-mark-{index}": INK if marking.is_light else "#ffffff"
        for index, marking in enumerate(MARKINGS)
    },
}
"""The colours of pages by name; ``mark-0`` and on are those of ``MARKINGS``, and ``on-mark-0`` is
that of text on the first."""

DARK_COLOURS = {
    "ink": "#e9e7e4",
    "faint": "#a5a8ae",
    "grid": "#34373d",
    "paper": "#15171a",
    "wash": "#1f2226",
    "edge": "#787c84",
    "accent": "#6bb8ee",
    "mark-0": "#8f8f8f",
    "mark-1": "#8062b3",
    "mark-2": "#b58be8",
    "mark-3": "#ecdfff",
    "on-mark-0": "#15171a",
    "on-mark-1": "#ffffff",
    "on-mark-2": "#15171a",
    "on-mark-3": "#15171a",
}
"""The same in dark mode, where what stands out is lighter."""


def marking_of(architecture: Architecture) -> Marking:
    """Return the mark of a candidate, by its share of blocks with attention."""
    share = attention_share(architecture)
    return next(marking for marking in MARKINGS if share <= marking.most)


def kind_colours(kinds: Iterable[str]) -> dict[str, str]:
    """Return a colour for each kind of block; a known kind has the same in every picture."""
    kinds = list(kinds)
    own = [kind for kind in kinds if kind not in LABELS]
    order = [*LABELS, *own]
    return {kind: PALETTE[order.index(kind) % len(PALETTE)] for kind in kinds}


def log_limits(values: Iterable[float]) -> tuple[float, float]:
    """Return the ends of a log axis: the positive ``values`` with a margin on both sides."""
    values = list(values)
    low, high = min(values), max(values)
    margin = max((high / low) ** 0.05, (LEAST_EXTENT * low / high) ** 0.5)
    return low / margin, high * margin


def log_ticks(low: float, high: float, most: int = MOST_TICKS) -> list[float]:
    """Return round values between ``low`` and ``high`` for a log axis, at most ``most``.

    They are 1, 2, 3, 5 and 7 times each power of ten, or fewer of these; multiples of a step of 1,
    2, 2.5 or 5 where the axis is so short that there would be less than four.
    """
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    for leading in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**power for power in powers for digit in leading]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) < 4 and leading != (1,):
            return _even_ticks(low, high)
        if len(ticks) <= most:
            return ticks
    return ticks[:: ceil(len(ticks) / most)]


def _even_ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 6
    power = 10.0 ** floor(log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= rough)
    return [step * index for index in range(ceil(low / step), floor(high / step) + 1)]
