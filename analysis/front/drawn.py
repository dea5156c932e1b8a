"""The contents of a picture of a front, whether a PNG or a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from analysis.front.beside import Beside
from analysis.front.queries import check_name, why_no_knee
from analysis.plot_style import Marking, marking_of
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.metrics import COSTS, MAXIMISED, METRICS
from nas.quantities import format_quantity
from nas.storage.accuracy_text import accuracy_text
from nas.storage.candidates import Candidate, front_by_value

LEAST_EXTENT_Y = 0.02  # two percent points
TOP = 0.02  # of the range, over 100 %: room for a marker and no more, as nothing can be there


class Drawn(NamedTuple):
    """Candidates that have both metrics of a picture; see :func:`drawn`."""

    x: str
    y: str
    candidates: list[Candidate]
    front: list[Candidate]  # by ascending cost
    floor: float  # of y: drawn to scale, what lies below would leave the others no room
    beside: tuple[Beside, ...] = ()  # networks that are no candidates, all of them shown
    names: MetricNames = OF_ACCURACY

    @property
    def shown(self) -> list[Candidate]:
        """The candidates that the picture has room for."""
        return [c for c in self.candidates if c.metrics[self.y] >= self.floor]

    @property
    def below(self) -> list[Candidate]:
        """The other candidates, which a note mentions."""
        return [c for c in self.candidates if c.metrics[self.y] < self.floor]

    @property
    def note_on_below(self) -> str:
        """The note, such as ``2 candidates far below, down to 10.0%``; empty if there are none."""
        count = len(self.below)
        if not count:
            return ""
        lowest = min(c.metrics[self.y] for c in self.below)
        return f"{count} candidate{'s' * (count > 1)} far below, down to {lowest:.1%}"

    def notes(self, knee: Candidate | None) -> list[str]:
        """Return the picture's notes: its knee or why it has none, and what it leaves out."""
        if knee is None:
            on_knee = why_no_knee(self.front, self.x, self.y)
        else:
            cost = f"{format_quantity(knee.metrics[self.x])} {METRICS[self.x].unit}"
            accuracy = self.names.value(accuracy_text(knee, decimals=1))
            on_knee = f"knee (circled): {knee.arch_id}, {accuracy}, {cost}"
        return [on_knee, *([self.note_on_below] if self.below else [])]

    @property
    def staircase(self) -> list[Candidate]:
        """The members that no other one dominates by value, by ascending cost."""
        return front_by_value(self.front, [self.y, self.x])

    @property
    def as_found(self) -> list[tuple[Candidate, float]]:
        """The members with a fresh accuracy and one as found, each with the latter."""
        if self.y != "val_accuracy":
            return []
        return [(m, m.as_found) for m in self.front if m.is_fresh and m.as_found is not None]

    def marked(self, candidates: Iterable[Candidate], marking: Marking) -> list[Candidate]:
        """Return those of ``candidates`` that have this mark."""
        return [c for c in candidates if marking_of(c.architecture) == marking]

    @property
    def costs(self) -> list[float]:
        """The values of x of all that is drawn."""
        return [c.metrics[self.x] for c in self.candidates] + [
            each.candidate.metrics[self.x] for each in self.beside
        ]

    def limits_y(self, margin: float) -> tuple[float, float]:
        """Return the range of y: all that is shown, with errors and a share ``margin`` around.

        It ends a little above 1 at most.
        """
        others = [each.candidate for each in self.beside]
        errors = [(c.metrics[self.y], c.standard_error or 0.0) for c in [*self.front, *others]]
        values = [c.metrics[self.y] for c in self.shown]
        values += [accuracy for _, accuracy in self.as_found]
        low = min([*values, *(value - error for value, error in errors)])
        high = max([*values, *(value + error for value, error in errors)])
        room = max(margin * (high - low), (LEAST_EXTENT_Y - (high - low)) / 2)
        return low - room, min(high + room, 1 + TOP * (high - low + 2 * room))


def drawn(
    candidates: Iterable[Candidate],
    members: Iterable[Candidate],
    x: str,
    y: str,
    beside: Iterable[Beside] = (),
    names: MetricNames = OF_ACCURACY,
) -> Drawn:
    """Choose what to draw.

    The floor is Tukey's outer fence, three quartile ranges below the first quartile, or the
    front's lowest member if that is lower.

    Raises:
        ValueError: ``x`` is no cost or ``y`` no accuracy, or no candidate has both.
    """
    check_name(x, COSTS, "cost")
    check_name(y, MAXIMISED, "accuracy")
    front = [m for m in members if x in m.metrics and y in m.metrics]
    shown = {c.arch_id: c for c in [*front, *candidates] if x in c.metrics and y in c.metrics}
    if not shown:
        raise ValueError(f"no candidate has both {x} and {y}")
    first, third = np.quantile([c.metrics[y] for c in shown.values()], (0.25, 0.75))
    fence = float(first - 3 * (third - first))
    floor = min([fence, *(member.metrics[y] for member in front)])
    others = (b for b in beside if x in b.candidate.metrics and y in b.candidate.metrics)
    by_cost = sorted(front, key=lambda m: m.metrics[x])
    return Drawn(x, y, list(shown.values()), by_cost, floor, tuple(others), names)
