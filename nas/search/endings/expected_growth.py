"""The growth that a search expects of its next hour, and whether that still pays.

The sampler expects a proposal to enlarge the front's hypervolume by a share (with one objective, to
improve it by an amount). That times the rate of trials is the growth of an hour.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nas.evaluation.metric_names import OF_ACCURACY, MetricNames

ESTIMATES = 3
"""A search ends when so many estimates in a row are below its limit."""

LATEST_TRIALS = 20
"""The rate is that of so many trials, the latest ones."""


class Estimate(NamedTuple):
    """An estimate of the growth of the next hour."""

    trials: int  # of this driver that had ended
    an_hour: float


def are_below(latest: Sequence[Estimate], limit: float) -> bool:
    """Return whether the last of some estimates are enough, and all below a limit."""
    last = latest[-ESTIMATES:]
    return len(last) == ESTIMATES and all(each.an_hour < limit for each in last)


class ExpectedGrowth:
    """Estimate the growth of the next hour at each proposal.

    Proposals between which no trial has ended make one estimate, the largest of theirs: they know
    the same.

    Args:
        stop_below: the search ends below it; None for never.
        clock: returns seconds.

    Attributes:
        estimates: all so far.
    """

    def __init__(self, stop_below: float | None, clock: Callable[[], float]) -> None:
        self._stop_below = stop_below
        self._clock = clock
        self._ends: deque[float] = deque(maxlen=LATEST_TRIALS + 1)
        self._ended = 0
        self.estimates: list[Estimate] = []

    @property
    def an_hour(self) -> float | None:
        """The latest estimate; None if there is none yet."""
        return self.estimates[-1].an_hour if self.estimates else None

    @property
    def trials_an_hour(self) -> float | None:
        """The rate of trials of this driver lately; None before the first has ended."""
        if not self._ended or (seconds := self._clock() - self._ends[0]) <= 0:
            return None
        return 3600 * (len(self._ends) - 1) / seconds

    @property
    def is_over(self) -> bool:
        """Whether the latest estimates are all below the limit."""
        return self._stop_below is not None and are_below(self.estimates, self._stop_below)

    def note_proposal(self, growth: float | None) -> None:
        """Record a proposal with its expected growth, None where the sampler does not know it."""
        if not self._ends:
            self._ends.append(self._clock())  # the first trial begins
        rate = self.trials_an_hour
        if growth is None or rate is None:
            return
        an_hour = growth * rate
        if self.estimates and self.estimates[-1].trials == self._ended:
            an_hour = max(an_hour, self.estimates.pop().an_hour)
        self.estimates.append(Estimate(self._ended, an_hour))

    def note_end(self) -> None:
        """Record that a trial has ended, trained to its end or stopped early."""
        self._ends.append(self._clock())
        self._ended += 1


def growth_text(an_hour: float, objectives: Sequence[str], names: MetricNames = OF_ACCURACY) -> str:
    """Return an estimate such as ``2.1 % of the hypervolume an hour``.

    With one objective it is of that: points of an accuracy, else in its unit. One over 100 an hour,
    of a search of minutes, is spelled by the minute.
    """
    amount, unit = 100 * an_hour, "% of the hypervolume"
    if len(objectives) == 1:
        metric = names[objectives[0]]
        if metric.is_maximised:
            unit = f"points of {metric.label}"
        else:
            amount, unit = an_hour, metric.unit
    time = "an hour"
    if amount >= 100:
        amount, time = amount / 60, "a minute"
    number = f"{amount:.2g}" if amount < 99.5 else f"{amount:,.0f}"
    return f"{number} {unit} {time}"
