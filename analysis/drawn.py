"""What a picture of a front shows, however it is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from analysis.appearance import Marking, dominant_primitive, markings
from analysis.front import COSTS, check_name, why_no_knee
from nas.front import Candidate
from nas.ledger import MAXIMISED

LEAST_EXTENT_Y = 0.02  # two percent points


class Drawn(NamedTuple):
    """Candidates that have both metrics of a picture; see :func:`drawn`."""

    x: str
    y: str
    candidates: list[Candidate]
    front: list[Candidate]  # by ascending cost
    floor: float  # of y: what lies below would take the picture from all others

    @property
    def shown(self) -> list[Candidate]:
        """The candidates that the picture has room for."""
        return [c for c in self.candidates if c.metrics[self.y] >= self.floor]

    @property
    def below(self) -> list[Candidate]:
        """The others, which it mentions."""
        return [c for c in self.candidates if c.metrics[self.y] < self.floor]

    @property
    def note_on_below(self) -> str:
        """Such as ``2 candidates far below, down to 10.0%``; empty if there are none."""
        count = len(self.below)
        if not count:
            return ""
        lowest = min(c.metrics[self.y] for c in self.below)
        return f"{count} candidate{'s' * (count > 1)} far below, down to {lowest:.1%}"

    def notes(self, knee: Candidate | None) -> list[str]:
        """What the picture says in words: why it has no knee, and what it leaves out."""
        missing = [why_no_knee(self.front, self.x, self.y)] if knee is None else []
        return [*missing, *([self.note_on_below] if self.below else [])]

    def markings(self) -> dict[str, Marking]:
        """How to draw each family, by its dominant primitive."""
        return markings(self.candidates)

    def limits_y(self, margin: float) -> tuple[float, float]:
        """The range of what is shown, standard errors included, and ``margin`` of it around."""
        errors = [(c.metrics[self.y], c.standard_error or 0.0) for c in self.front]
        values = [c.metrics[self.y] for c in self.shown]
        low = min([*values, *(value - error for value, error in errors)])
        high = max([*values, *(value + error for value, error in errors)])
        room = max(margin * (high - low), (LEAST_EXTENT_Y - (high - low)) / 2)
        return low - room, high + room


def drawn(candidates: Iterable[Candidate], members: Iterable[Candidate], x: str, y: str) -> Drawn:
    """Choose what to draw.

    The floor is Tukey's outer fence, three quartile ranges below the first quartile, or the
    front's lowest member if that is lower.

    Raises:
        ValueError: ``x`` is no cost or ``y`` no accuracy, or no candidate has both.
    """
    check_name(x, COSTS, "cost")
    check_name(y, MAXIMISED, "accuracy")
    front = [m for m in members if x in m.metrics and y in m.metrics]
    found = {c.arch_id: c for c in [*front, *candidates] if x in c.metrics and y in c.metrics}
    if not found:
        raise ValueError(f"no candidate has both {x} and {y}")
    first, third = np.quantile([c.metrics[y] for c in found.values()], (0.25, 0.75))
    fence = float(first - 3 * (third - first))
    floor = min([fence, *(member.metrics[y] for member in front)])
    return Drawn(x, y, list(found.values()), sorted(front, key=lambda m: m.metrics[x]), floor)


def of_family(candidates: Iterable[Candidate], primitive: str) -> list[Candidate]:
    """Those whose dominant primitive is ``primitive``."""
    return [c for c in candidates if dominant_primitive(c.architecture) == primitive]
