"""The posterior, given the trials so far: surrogates of all uncertain quantities, and the front.

Legend: N candidates, n completed trials, r pending ones, K members of the front, d objectives.

Sources: Ginsbourger, Le Riche, Carraro 2010, "Kriging is Well-Suited to Parallelize Optimization":
pending trials count with their predicted result. Gardner et al. 2014, "Bayesian Optimization with
Inequality Constraints": limits on measured quantities.
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
from nas.samplers.acquisition_problem import Objectives, Problem
from nas.samplers.gaussian_process import GaussianProcess, SurrogateModels
from nas.samplers.kernel_inputs import Encoder, Inputs
from nas.samplers.learning_curves import estimate
from nas.samplers.observations import (
    MOST_FITTED,
    MOST_OBSERVATIONS,
    Compression,
    Observations,
    fitted_count,
    nearest_to_front,
)
from nas.samplers.pool import Pool, concatenated
from nas.samplers.trials import CompletedTrial, InfeasibleTrial

BARELY = 1e-9
"""The reference point is worse than the worst loss that counts by this share."""


class MeasuredLimit(NamedTuple):
    """A limit on a quantity that must be measured."""

    surrogate: GaussianProcess  # of the quantity, or of its logarithm
    limit: float  # in the surrogate's unit


@dataclass(frozen=True)
class Posterior:
    """The posterior distribution of candidates' losses, given the trials of a :class:`Problem`."""

    objectives: Objectives
    encoder: Encoder
    main: GaussianProcess
    """The surrogate of the main objective's loss, by ``compression``."""
    measured: Mapping[int, GaussianProcess]
    """The surrogates of the other objectives that must be measured, by the objective's index."""
    limits: tuple[MeasuredLimit, ...]
    losses: np.ndarray
    """The completed trials' losses ``[n, d]``, the main objective's compressed."""
    is_within_cost_limits: np.ndarray
    """A mask ``[n]`` of the completed trials within the limits on known costs."""
    front: np.ndarray
    """The non-dominated losses ``[K, d]`` of completed and pending trials within limits."""
    reference: np.ndarray
    """The reference point ``[d]``: the worst losses of the first trials, of the front and, where
    losses are known, of all candidates. What is cheap may be worse than the first trials, and the
    front between it and them counts too."""
    compression: Compression
    """The compression of the main objective's losses."""

    @property
    def observations(self) -> int:
        """The number of results that the main objective's surrogate holds."""
        return len(self.main.inputs.bits)

    def best_completed(self) -> np.ndarray:
        """Return completed trials ``[n]`` by non-dominated sorting, those over cost limits last."""
        ranks = moocore.pareto_rank(self.losses)
        return np.lexsort((ranks, ~self.is_within_cost_limits))

    def other_losses(self, objective: int, pool: Pool, inputs: Inputs) -> np.ndarray:
        """Return the losses ``[N]`` by another objective than the main one, known or predicted."""
        return _other_losses(self.objectives, self.measured, objective, pool, inputs)

    def probability_of_feasibility(self, inputs: Inputs) -> np.ndarray:
        """Return the probability ``[N]`` that all measured quantities are within their limits."""
        feasible = np.ones(len(inputs.bits))
        for surrogate, limit in self.limits:
            mean, deviation = surrogate.predict(inputs)
            feasible *= ndtr((limit - mean) / deviation)
        return feasible


def infer(problem: Problem, models: SurrogateModels, rng: np.random.Generator) -> Posterior:
    """Fit surrogates to the trials of a problem.

    Args:
        problem: with two completed trials or more.
        models: fit the surrogates.
        rng: chooses the results that the surrogates are given, where there are very many.
    """
    objectives, main = problem.objectives, problem.objectives.main
    means = problem.results.mean_losses
    compression = Compression.of(means[:, main])
    losses = compression.of_column(means, main)

    estimates = _estimates(problem, compression)
    most = MOST_OBSERVATIONS - (0 if estimates is None else len(estimates.values))
    kept = nearest_to_front(losses, most, rng)
    count = fitted_count(len(losses), problem.initial_trials)
    settled = Compression.of(problem.losses[:count, main])  # stays until the count grows
    fitted_rng = generator(problem.seed, Stream.FITTED_RESULTS, count)
    fitted_rows = nearest_to_front(
        settled.of_column(problem.losses[:count], main), MOST_FITTED, fitted_rng
    )

    def surrogate_of(quantity: str, objective: int, more: Observations | None) -> GaussianProcess:
        exact, fitted = (
            _trainings(problem, rows, objective, by if objective == main else None)
            for rows, by in ((kept, compression), (fitted_rows, settled))
        )
        return models.fit(quantity, exact if more is None else exact.followed_by(more), fitted)

    measured = {
        i: surrogate_of(f"objective {i}", i, None)
        for i in objectives.others
        if i not in objectives.columns
    }
    surrogate = surrogate_of("main", main, estimates)
    of_pending = np.empty((len(problem.pending.vectors), losses.shape[1]))
    if len(problem.pending.vectors):
        inputs = models.encoder(*problem.pending)
        predicted = surrogate.predict_mean(inputs)
        pending = Observations(problem.pending, predicted, np.zeros(len(predicted)))
        surrogate = surrogate_of(
            "main", main, pending if estimates is None else estimates.followed_by(pending)
        )
        of_pending[:, main] = predicted
        for i in objectives.others:
            of_pending[:, i] = _other_losses(objectives, measured, i, problem.pending, inputs)
    within = np.concatenate([losses[_keeps_limits(problem)], of_pending])
    front = within[moocore.is_nondominated(within)] if len(within) else within
    counted = np.concatenate([losses[: problem.initial_trials], front])
    return Posterior(
        objectives=objectives,
        encoder=models.encoder,
        main=surrogate,
        measured=measured,
        limits=_measured_limits(problem, models),
        losses=losses,
        is_within_cost_limits=problem.is_within_cost_limits,
        front=front,
        reference=_reference(problem, counted),
        compression=compression,
    )


def _trainings(
    problem: Problem, rows: np.ndarray, objective: int, compression: Compression | None
) -> Observations:
    """Return the losses of completed trials at ``rows``, and those of all repeats."""
    repeats = np.array([trial.losses[objective] for trial in problem.results.repeats])
    losses = np.concatenate([problem.losses[rows, objective], repeats])
    pool = concatenated([problem.completed.take(rows), problem.repeated])
    values = losses if compression is None else compression(losses)
    return Observations(pool, values, np.zeros(len(losses)))


def _other_losses(
    objectives: Objectives,
    measured: Mapping[int, GaussianProcess],
    objective: int,
    pool: Pool,
    inputs: Inputs,
) -> np.ndarray:
    """Return the losses ``[N]`` by another objective than the main one, known or predicted."""
    if objective in objectives.columns:
        return objectives.known_losses(objective, pool)
    return measured[objective].predict_mean(inputs)


def _reference(problem: Problem, counted: np.ndarray) -> np.ndarray:
    """Return the reference point for losses that count: see :attr:`Posterior.reference`."""
    worst = counted.max(axis=0)
    for i in problem.objectives.columns if len(problem.candidates.vectors) else ():
        worst[i] = problem.objectives.known_losses(i, problem.candidates).max()
    return np.asarray(worst + BARELY * np.abs(worst))


def _keeps_limits(problem: Problem) -> np.ndarray:
    """Return a mask ``[n]`` of the completed trials that exceed no limit, as far as is known."""
    limits = problem.measured_limits
    kept = problem.is_within_cost_limits
    for row, trial in enumerate(problem.results.completed if limits else ()):
        kept[row] &= all(trial.measured.get(n, most) <= most for n, most in limits.items())
    return kept


def _estimates(problem: Problem, compression: Compression) -> Observations | None:
    """Return the pruned trials' extrapolated losses as observations; None if there are none."""
    if problem.objectives.main != 0:  # curves are those of the first objective
        return None
    estimates = estimate(problem.results.pruned, problem.results.completed)
    rows = [row for row, each in enumerate(estimates) if each is not None]
    usable = [each for each in estimates if each is not None]
    if not usable:
        return None
    losses = np.array([each.loss for each in usable])
    variances = np.array([each.variance for each in usable])
    return Observations(problem.pruned.take(np.array(rows)), compression(losses), variances)


def _measured_limits(problem: Problem, models: SurrogateModels) -> tuple[MeasuredLimit, ...]:
    """Fit a surrogate of each limited quantity that two trials or more have a value of.

    If the limit and all values are positive, the surrogate is of their logarithms.
    """
    learned = []
    for name, limit in problem.measured_limits.items():
        within = _measured(problem.results.completed, problem.completed, name)
        over = _measured(problem.results.infeasible, problem.infeasible, name)
        if len(within.values) + len(over.values) < 2:
            continue
        # The first of both: hyperparameters are fitted to them, and kept while they are the same.
        first_within, first_over = (
            each.take(slice(min(fitted_count(len(each.values), 2), MOST_FITTED // 2)))
            for each in (within, over)
        )
        latest = slice(-(MOST_OBSERVATIONS // 2), None)
        observed = within.take(latest).followed_by(over.take(latest))
        both = observed.followed_by(first_within).followed_by(first_over)
        scaled = np.log if min(limit, both.values.min()) > 0 else np.asarray
        both = both._replace(values=scaled(both.values))
        count = len(observed.values)
        surrogate = models.fit(
            f"limit on {name}", both.take(slice(count)), both.take(slice(count, None))
        )
        learned.append(MeasuredLimit(surrogate, float(scaled(limit))))
    return tuple(learned)


def _measured(
    trials: Sequence[CompletedTrial] | Sequence[InfeasibleTrial], pool: Pool, name: str
) -> Observations:
    """Return the finite values of a measured quantity in some trials, as observations."""
    values = np.array([trial.measured.get(name, nan) for trial in trials], dtype=float)
    rows = np.flatnonzero(np.isfinite(values))
    return Observations(pool.take(rows), values[rows], np.zeros(len(rows)))
