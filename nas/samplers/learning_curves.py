"""What a trial that was stopped early says of the result that it would have had.

It is compared with finished trials at the same epoch: their final losses, regressed on their losses
at that epoch, give the expected final loss and how far off such a guess is.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from typing import NamedTuple

import numpy as np

from nas.samplers.results import Stopped, Told

FEWEST = 4
"""Finished trials that were seen at an epoch, for a regression."""

TRUST_IN_PARALLELS = 4.0
"""Finished trials that the assumption of a slope of 1 counts for."""


class Estimate(NamedTuple):
    """A final loss that was not seen."""

    loss: float
    variance: float


def estimate(stopped: Sequence[Stopped], told: Sequence[Told]) -> list[Estimate | None]:
    """For each stopped trial what its loss would have been; None where nothing is comparable."""
    fits: dict[int, tuple[float, float, float, float] | None] = {}
    found: list[Estimate | None] = []
    for trial in stopped:
        epoch = max((e for e, loss in trial.curve.items() if isfinite(loss)), default=None)
        if epoch is None:
            found.append(None)
            continue
        if epoch not in fits:
            fits[epoch] = _regression(epoch, told)
        line = fits[epoch]
        if line is None:
            found.append(None)
            continue
        slope, centre, final, variance = line
        found.append(Estimate(final + slope * (trial.curve[epoch] - centre), variance))
    return found


def _regression(epoch: int, told: Sequence[Told]) -> tuple[float, float, float, float] | None:
    """Slope, mean loss at ``epoch``, mean final loss, residual variance."""
    pairs = [(trial.curve.get(epoch, nan), trial.losses[0]) for trial in told]
    pairs = [pair for pair in pairs if all(map(isfinite, pair))]
    if len(pairs) < FEWEST:
        return None
    early, final = np.array(pairs).T
    centred, raised = early - early.mean(), final - final.mean()
    prior = TRUST_IN_PARALLELS * centred.var()
    total = (centred**2).sum() + prior
    slope = float((centred @ raised + prior) / total) if total > 0 else 1.0
    residuals = raised - slope * centred
    variance = float((residuals**2).sum() / (len(pairs) - 1))
    return slope, float(early.mean()), float(final.mean()), variance
