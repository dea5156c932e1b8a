"""Learning curve extrapolation: the final loss of a trial that was pruned, or waits at a rung.

The final losses of finished trials are regressed on their losses at the epoch where the trial
stopped. The regression gives the expected final loss and its variance. While hardly any trial has
finished, all trials are compared at one epoch instead.
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
"""The least number of finished trials with a loss at the epoch, for a regression."""

TRUST_IN_PARALLELS = 4.0
"""Weight of the prior that the regression's slope is 1, in finished trials."""


class Estimate(NamedTuple):
    """An extrapolated final loss."""

    loss: float
    variance: float


def estimate(
    pruned: Sequence[PrunedTrial], completed: Sequence[CompletedTrial]
) -> list[Estimate | None]:
    """Extrapolate each pruned trial's final loss; None where no regression is possible."""
    fits: dict[int, tuple[float, float, float, float] | None] = {}
    estimates: list[Estimate | None] = []
    for trial in pruned:
        epoch = max((e for e, loss in trial.curve.items() if isfinite(loss)), default=None)
        if epoch is None:
            estimates.append(None)
            continue
        if epoch not in fits:
            fits[epoch] = _regression(epoch, completed)
        line = fits[epoch]
        if line is None:
            estimates.append(None)
            continue
        slope, centre, final, variance = line
        estimates.append(Estimate(final + slope * (trial.curve[epoch] - centre), variance))
    return estimates


def at_one_epoch(
    results: Results, fewest: int, known_losses: Callable[[Candidate], tuple[float, ...]]
) -> Results:
    """Return all trials as if they had finished at the latest epoch that ``fewest`` reached.

    Args:
        results: with curves of the first objective.
        fewest: trials; if no epoch was reached by so many, the results are returned unchanged.
        known_losses: a candidate's losses by the other objectives.
    """
    curves = [(trial.architecture, trial.curve) for trial in results.completed]
    curves += [(trial.architecture, trial.curve) for trial in results.pruned]
    epochs = {epoch for trial in results.pruned for epoch in trial.curve}
    for epoch in sorted(epochs, reverse=True):
        reached = [
            (candidate, curve[epoch])
            for candidate, curve in curves
            if isfinite(curve.get(epoch, nan))
        ]
        if len(reached) >= fewest:
            completed = [
                CompletedTrial(candidate, (loss, *known_losses(candidate)))
                for candidate, loss in reached
            ]
            return replace(results, completed=completed, pruned=[], repeats=())
    return results


def _regression(
    epoch: int, completed: Sequence[CompletedTrial]
) -> tuple[float, float, float, float] | None:
    """Return slope, mean loss at ``epoch``, mean final loss and residual variance."""
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
