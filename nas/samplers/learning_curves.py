"""What a trial that was stopped early, or waits, says of the result that it would have had.

It is compared with finished trials at the same epoch: their final losses, regressed on their losses
at that epoch, give the expected final loss and how far off such a guess is. As long as there are
hardly any finished ones, trials are compared with each other, all at the same epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite, nan
from typing import NamedTuple

import numpy as np

from nas.samplers.choice_space import Candidate
from nas.samplers.trials import CompletedTrial, PrunedTrial, Results

FEWEST = 4
"""Finished trials that were seen at an epoch, for a regression."""

TRUST_IN_PARALLELS = 4.0
"""Finished trials that the assumption of a slope of 1 counts for."""


class Estimate(NamedTuple):
    """A final loss that was not seen."""

    loss: float
    variance: float


def estimate(
    pruned: Sequence[PrunedTrial], completed: Sequence[CompletedTrial]
) -> list[Estimate | None]:
    """For each pruned trial what its loss would have been; None where nothing is comparable."""
    fits: dict[int, tuple[float, float, float, float] | None] = {}
    found: list[Estimate | None] = []
    for trial in pruned:
        epoch = max((e for e, loss in trial.curve.items() if isfinite(loss)), default=None)
        if epoch is None:
            found.append(None)
            continue
        if epoch not in fits:
            fits[epoch] = _regression(epoch, completed)
        line = fits[epoch]
        if line is None:
            found.append(None)
            continue
        slope, centre, final, variance = line
        found.append(Estimate(final + slope * (trial.curve[epoch] - centre), variance))
    return found


def at_one_epoch(
    results: Results, fewest: int, known_losses: Callable[[Candidate], tuple[float, ...]]
) -> Results:
    """All trials as they were at the latest epoch that ``fewest`` of them reached, as if finished.

    Args:
        results: with curves of the first objective.
        fewest: trials; where no epoch has so many, the results are returned as they are.
        known_losses: those of the other objectives.
    """
    curves = [(trial.architecture, trial.curve) for trial in results.completed]
    curves += [(trial.architecture, trial.curve) for trial in results.pruned]
    epochs = {epoch for trial in results.pruned for epoch in trial.curve}
    for epoch in sorted(epochs, reverse=True):
        seen = [(of, curve[epoch]) for of, curve in curves if isfinite(curve.get(epoch, nan))]
        if len(seen) >= fewest:
            completed = [CompletedTrial(of, (loss, *known_losses(of))) for of, loss in seen]
            return replace(results, completed=completed, pruned=[])
    return results


def _regression(
    epoch: int, completed: Sequence[CompletedTrial]
) -> tuple[float, float, float, float] | None:
    """Slope, mean loss at ``epoch``, mean final loss, residual variance."""
    pairs = [(trial.curve.get(epoch, nan), trial.losses[0]) for trial in completed]
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
