"""What the trials so far say of candidates: surrogates of all that is uncertain, and the front.

Legend: N candidates, n completed trials, r pending ones, K members of the front, d objectives.

Sources: Ginsbourger, Le Riche, Carraro 2010, "Kriging is Well-Suited to Parallelize Optimization",
for pending trials, which count with their predicted result; Gardner et al. 2014, "Bayesian
Optimization with Inequality Constraints", for limits on measured quantities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import moocore
import numpy as np
from scipy.special import ndtr

from nas.random_streams import Stream, generator
from nas.samplers.gaussian_process import GaussianProcess, SurrogateModels
from nas.samplers.kernel_inputs import Encoder, Inputs
from nas.samplers.learning_curves import estimate
from nas.samplers.observations import (
    MOST_FITTED,
    MOST_OBSERVATIONS,
    Observations,
    compressed,
    nearest_to_front,
    settled_count,
)
from nas.samplers.pool import Pool
from nas.samplers.problem import Objectives, Problem
from nas.samplers.trials import CompletedTrial, InfeasibleTrial

BARELY = 1e-9
"""By this share, the reference point is worse than the worst loss that counts."""


class MeasuredLimit(NamedTuple):
    """A limit on a quantity that is only known by measuring."""

    surrogate: GaussianProcess  # of the quantity, or of its logarithm
    limit: float  # in the surrogate's unit


@dataclass(frozen=True)
class Posterior:
    """What is believed of candidates, given the trials of a :class:`Problem`."""

    objectives: Objectives
    encoder: Encoder
    main: GaussianProcess
    """Of the main objective's loss, compressed (see :func:`compressed`)."""
    measured: Mapping[int, GaussianProcess]
    """Of the other objectives that must be measured."""
    limits: tuple[MeasuredLimit, ...]
    losses: np.ndarray
    """Of the completed trials ``[n, d]``, with the main objective's compressed."""
    is_within_cost_limits: np.ndarray
    """Which completed trials keep the limits on known costs ``[n]``."""
    front: np.ndarray
    """Losses ``[K, d]`` that no other dominates, of completed and pending trials within limits."""
    reference: np.ndarray
    """The worst losses that count ``[d]``: of the first trials, and of all candidates where known.
    It stays the same during a search."""

    @property
    def observations(self) -> int:
        """How many results the main objective's surrogate holds."""
        return len(self.main.inputs.bits)

    def best_completed(self) -> np.ndarray:
        """Completed trials ``[n]`` by layers of fronts; those over limits on known costs last."""
        ranks = moocore.pareto_rank(self.losses)
        return np.lexsort((ranks, ~self.is_within_cost_limits))

    def other_losses(self, objective: int, pool: Pool, inputs: Inputs) -> np.ndarray:
        """The losses ``[N]`` by an objective beside the main one, as known or as predicted."""
        return _other_losses(self.objectives, self.measured, objective, pool, inputs)

    def probability_within(self, inputs: Inputs) -> np.ndarray:
        """The probability ``[N]`` that all measured quantities are within their limits."""
        likely = np.ones(len(inputs.bits))
        for surrogate, limit in self.limits:
            mean, deviation = surrogate.predict(inputs)
            likely *= ndtr((limit - mean) / deviation)
        return likely


def infer(problem: Problem, models: SurrogateModels, rng: np.random.Generator) -> Posterior:
    """Learn from the trials of a problem.

    Args:
        problem: with two completed trials or more.
        models: fit the surrogates, and say how they see candidates.
        rng: chooses which results to look at, where there are very many.
    """
    objectives, main = problem.objectives, problem.objectives.main
    losses, first = problem.losses.copy(), problem.losses[: problem.initial_trials].copy()
    typical = first[:, main].copy()
    for each in (losses, first):
        each[:, main] = compressed(each[:, main], typical)

    estimates = _estimates(problem, typical)
    most = MOST_OBSERVATIONS - (0 if estimates is None else len(estimates.values))
    kept = nearest_to_front(losses, most, rng)
    count = settled_count(len(losses), problem.initial_trials)
    fitted_rng = generator(problem.seed, Stream.FITTED_RESULTS, count)
    fitted = nearest_to_front(losses[:count], MOST_FITTED, fitted_rng)

    def learn(quantity: str, objective: int, more: Observations | None) -> GaussianProcess:
        exact, settled = (
            Observations(problem.completed.some(rows), losses[rows, objective], np.zeros(len(rows)))
            for rows in (kept, fitted)
        )
        return models.learn(quantity, exact if more is None else exact.and_also(more), settled)

    measured = {
        i: learn(f"objective {i}", i, None)
        for i in objectives.others
        if i not in objectives.columns
    }
    surrogate = learn("main", main, estimates)
    of_pending = np.empty((len(problem.pending.vectors), losses.shape[1]))
    if len(problem.pending.vectors):
        inputs = models.encoder(*problem.pending)
        predicted = surrogate.predict_mean(inputs)
        pending = Observations(problem.pending, predicted, np.zeros(len(predicted)))
        surrogate = learn(
            "main", main, pending if estimates is None else estimates.and_also(pending)
        )
        of_pending[:, main] = predicted
        for i in objectives.others:
            of_pending[:, i] = _other_losses(objectives, measured, i, problem.pending, inputs)
    within = np.concatenate([losses[_keeps_limits(problem)], of_pending])
    return Posterior(
        objectives=objectives,
        encoder=models.encoder,
        main=surrogate,
        measured=measured,
        limits=_measured_limits(problem, models),
        losses=losses,
        is_within_cost_limits=problem.is_within_cost_limits,
        front=within[moocore.is_nondominated(within)] if len(within) else within,
        reference=_reference(problem, first),
    )


def _other_losses(
    objectives: Objectives,
    measured: Mapping[int, GaussianProcess],
    objective: int,
    pool: Pool,
    inputs: Inputs,
) -> np.ndarray:
    """The losses ``[N]`` by an objective beside the main one, as known or as predicted."""
    if objective in objectives.columns:
        return objectives.known_losses(objective, pool)
    return measured[objective].predict_mean(inputs)


def _reference(problem: Problem, first: np.ndarray) -> np.ndarray:
    """The worst losses ``[d]`` of the first trials, and of all candidates where they are known."""
    worst = first.max(axis=0)
    for i in problem.objectives.columns if len(problem.candidates.vectors) else ():
        worst[i] = problem.objectives.known_losses(i, problem.candidates).max()
    return np.asarray(worst + BARELY * np.abs(worst))


def _keeps_limits(problem: Problem) -> np.ndarray:
    """Which completed trials ``[n]`` keep all limits, as far as is known."""
    limits = problem.measured_limits
    kept = problem.is_within_cost_limits
    for row, trial in enumerate(problem.results.completed if limits else ()):
        kept[row] &= all(trial.measured.get(n, most) <= most for n, most in limits.items())
    return kept


def _estimates(problem: Problem, typical: np.ndarray) -> Observations | None:
    """What trials that were pruned would have come to; None where nothing can be said."""
    if problem.objectives.main != 0:  # curves are those of the first objective
        return None
    estimates = estimate(problem.results.pruned, problem.results.completed)
    rows = [row for row, each in enumerate(estimates) if each is not None]
    usable = [each for each in estimates if each is not None]
    if not usable:
        return None
    losses = np.array([each.loss for each in usable])
    variances = np.array([each.variance for each in usable])
    return Observations(problem.pruned.some(np.array(rows)), compressed(losses, typical), variances)


def _measured_limits(problem: Problem, models: SurrogateModels) -> tuple[MeasuredLimit, ...]:
    """A surrogate of each measured quantity with a limit, where two trials or more have a value.

    Where the limit and all values are positive, it is of logarithms.
    """
    learned = []
    for name, limit in problem.measured_limits.items():
        within = _measured(problem.results.completed, problem.completed, name)
        over = _measured(problem.results.infeasible, problem.infeasible, name)
        if len(within.values) + len(over.values) < 2:
            continue
        # The first of both, since hyperparameters are kept while these are the same.
        first_within, first_over = (
            each.some(slice(min(settled_count(len(each.values), 2), MOST_FITTED // 2)))
            for each in (within, over)
        )
        latest = slice(-(MOST_OBSERVATIONS // 2), None)
        observed = within.some(latest).and_also(over.some(latest))
        both = observed.and_also(first_within).and_also(first_over)
        scaled = np.log if min(limit, both.values.min()) > 0 else np.asarray
        both = both._replace(values=scaled(both.values))
        count = len(observed.values)
        surrogate = models.learn(
            f"limit on {name}", both.some(slice(count)), both.some(slice(count, None))
        )
        learned.append(MeasuredLimit(surrogate, float(scaled(limit))))
    return tuple(learned)


def _measured(
    trials: Sequence[CompletedTrial] | Sequence[InfeasibleTrial], pool: Pool, name: str
) -> Observations:
    """The finite values that a measured quantity had in some trials, with their candidates."""
    values = np.array([trial.measured.get(name, nan) for trial in trials], dtype=float)
    rows = np.flatnonzero(np.isfinite(values))
    return Observations(pool.some(rows), values[rows], np.zeros(len(rows)))
