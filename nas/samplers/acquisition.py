"""How much better a search is expected to become by evaluating a candidate.

Legend: N candidates, n results, d costs.
"""

from __future__ import annotations

from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING

import moocore
import numpy as np

from nas.samplers.choice_space import Candidate
from nas.samplers.expected_hypervolume import (
    FreeBoxes,
    expected_improvement,
    free_boxes,
    hypervolume_improvement,
)
from nas.samplers.gaussian_process import GaussianProcess, Inputs
from nas.samplers.learning_curves import estimate
from nas.samplers.observations import (
    MOST_FITTED,
    MOST_OBSERVATIONS,
    MOST_PRUNED,
    Observations,
    SurrogateModels,
    compressed,
    nearest_to_front,
    probability_within,
    settled_count,
)
from nas.samplers.pool import Pool
from nas.samplers.trials import Results

if TYPE_CHECKING:
    from nas.samplers.bayesian_optimization import PredictorGuidedSampler

BARELY = 1e-9
"""By which the reference point is worse than the worst that counts, as a share."""


class AcquisitionFunction:
    """Beliefs from the results so far, and the improvement that follows from them.

    The main objective is the first that is not known beforehand; it alone is uncertain. Other
    objectives that must be measured count with their predicted mean.

    Args:
        sampler: whose space, costs and limits these are.
        learner: what learns from results, and how it sees candidates.
        results: two or more finished trials among them.
        rng: chooses which results to look at, where there are very many.
    """

    def __init__(
        self,
        sampler: PredictorGuidedSampler,
        learner: SurrogateModels,
        results: Results,
        rng: np.random.Generator,
    ) -> None:
        self._sampler, self._learner = sampler, learner
        self._results, self._rng = results, rng
        self._losses = results.losses
        names = sampler.objectives or ("",) * self._losses.shape[1]
        if len(names) != self._losses.shape[1]:
            raise ValueError(
                f"the sampler was given {len(names)} objectives ({', '.join(names)}), the study "
                f"has {self._losses.shape[1]}"
            )
        known = list(sampler.costs.names)
        uncertain = [i for i, name in enumerate(names) if name not in known]
        self._main = uncertain[0] if uncertain else 0
        self._others = [i for i in range(len(names)) if i != self._main]
        self._column = {i: known.index(names[i]) for i in self._others if names[i] in known}
        self._begun = self._losses[: sampler.initial_trials].copy()
        self._typical = self._begun[:, self._main].copy()
        for losses in (self._losses, self._begun):
            losses[:, self._main] = compressed(losses[:, self._main], self._typical)
        self._estimated = self._estimates()
        most = MOST_OBSERVATIONS - (len(self._estimated.values) if self._estimated else 0)
        self._kept = nearest_to_front(self._losses, most, rng)
        self._measured = {
            i: self._learn(f"objective {i}", self._losses[:, i])
            for i in self._others
            if i not in self._column
        }
        self._limited = self._limit_beliefs()
        self._predict_pending()
        usable = self._losses[self._keep_limits()]
        self._front = usable[moocore.is_nondominated(usable)] if len(usable) else usable

    @property
    def observations(self) -> int:
        """How many results the main surrogate holds."""
        return len(self._surrogate.inputs.bits)

    def look_at_main_objective_alone(self) -> None:
        """From now on improvement is that of the best main objective, whatever it costs."""
        self._others = []

    def good_results(self, number: int) -> list[Candidate]:
        """Finished trials' architectures, by layers of fronts; those over known limits last."""
        completed = self._results.completed
        ranks = moocore.pareto_rank(self._losses[: len(completed)])
        order = np.lexsort((ranks, ~self._within_known_limits))
        return [completed[index].architecture for index in order[:number]]

    def improvement(self, pool: Pool) -> np.ndarray:
        """What each candidate is expected to add ``[N]``."""
        if not len(pool.vectors):
            return np.empty(0)
        inputs = self._learner.inputs(pool)
        mean, deviation = self._surrogate.predict(inputs)
        likely = probability_within(self._limited, inputs)
        if not self._others:
            best = np.append(self._front[:, self._main], self._reference[self._main]).min()
            return likely * expected_improvement(mean, deviation, best)
        costs = np.stack([self._other(i, pool, inputs) for i in self._others], axis=1)
        return likely * hypervolume_improvement(mean, deviation, costs, self._free)

    @cached_property
    def _free(self) -> FreeBoxes:
        order = [self._main, *self._others]
        return free_boxes(self._front[:, order], self._reference[order])

    @property
    def _reference(self) -> np.ndarray:
        """The worst of the first results, and of all candidates where it is known: it stays."""
        worst = self._begun.max(axis=0)
        for i in self._column if len(self._sampler.fitting.vectors) else ():
            worst[i] = self._known(i, self._sampler.fitting).max()
        return np.asarray(worst + BARELY * np.abs(worst))

    def _known(self, i: int, pool: Pool) -> np.ndarray:
        """The losses ``[N]`` of a known objective."""
        return self._results.signs[i] * pool.costs[:, self._column[i]]

    def _other(self, i: int, pool: Pool, inputs: Inputs) -> np.ndarray:
        """The losses ``[N]`` of an objective beside the main one, as known or as predicted."""
        if i in self._column:
            return self._known(i, pool)
        return self._measured[i].predict_mean(inputs)

    def _keep_limits(self) -> np.ndarray:
        """Which rows of the losses are within the limits, as far as is known."""
        limits = self._sampler.measured_limits
        kept = np.ones(len(self._losses), dtype=bool)
        kept[: len(self._results.completed)] = self._within_known_limits
        for row, trial in enumerate(self._results.completed if limits else ()):
            kept[row] &= all(trial.measured.get(n, most) <= most for n, most in limits.items())
        return kept

    @cached_property
    def _within_known_limits(self) -> np.ndarray:
        """Which finished trials are within the limits on known costs; earlier ones may not be."""
        completed = self._results.completed
        return np.array([not self._sampler.violations(trial.architecture) for trial in completed])

    def _pool_of_told(self, rows: np.ndarray) -> Pool:
        completed = self._results.completed
        return self._sampler.pool_of([completed[row].architecture for row in rows])

    def _learn(
        self, quantity: str, values: np.ndarray, more: Observations | None = None
    ) -> GaussianProcess:
        """A surrogate of values of finished trials, and of ``more``."""
        sampler = self._sampler
        count = settled_count(len(values), sampler.initial_trials)
        rows = nearest_to_front(
            self._losses[:count], MOST_FITTED, np.random.default_rng([sampler.seed, count])
        )
        both = np.concatenate([self._kept, rows])
        exact = Observations(self._pool_of_told(both), values[both], np.zeros(len(both)))
        observed = exact.some(np.arange(len(self._kept)))
        settled = exact.some(np.arange(len(self._kept), len(both)))
        if more is not None:
            observed = observed.and_also(more)
        return self._learner.learn(quantity, observed, settled)

    def _predict_pending(self) -> None:
        """Learn the main objective; running trials count with their predicted result."""
        estimates = self._estimated
        values = self._losses[:, self._main]
        self._surrogate = self._learn("main", values, estimates)
        if not self._results.pending:
            return
        pending = self._sampler.pool_of(self._results.pending)
        inputs = self._learner.inputs(pending)
        predicted = self._surrogate.predict_mean(inputs)
        more = Observations(pending, predicted, np.zeros(len(predicted)))
        more = more if estimates is None else estimates.and_also(more)
        self._surrogate = self._learn("main", values, more)
        rows = np.empty((len(predicted), self._losses.shape[1]))
        rows[:, self._main] = predicted
        for i in self._others:
            rows[:, i] = self._other(i, pending, inputs)
        self._losses = np.concatenate([self._losses, rows])

    def _estimates(self) -> Observations | None:
        """What trials that were stopped early would have come to, if anything can be said."""
        pruned = self._results.pruned[-MOST_PRUNED:]
        if self._main != 0 or not pruned:  # curves are those of the first objective
            return None
        found = estimate(pruned, self._results.completed)
        usable = [(t.architecture, e) for t, e in zip(pruned, found, strict=True) if e is not None]
        if not usable:
            return None
        losses = np.array([e.loss for _, e in usable])
        return Observations(
            self._sampler.pool_of([architecture for architecture, _ in usable]),
            compressed(losses, self._typical),
            np.array([e.variance for _, e in usable]),
        )

    def _limit_beliefs(self) -> list[tuple[GaussianProcess, float]]:
        """Of each measured quantity with a limit, its surrogate and the limit.

        Where all are positive, both are of logarithms.
        """
        beliefs = []
        for name, limit in self._sampler.measured_limits.items():
            within, over = (
                [t for t in trials if isfinite(t.measured.get(name, np.nan))]
                for trials in (self._results.completed, self._results.infeasible)
            )
            if len(within) + len(over) < 2:
                continue
            latest = [*within[-MOST_OBSERVATIONS // 2 :], *over[-MOST_OBSERVATIONS // 2 :]]
            settled = [  # of both the first, since settings are kept while these are the same
                trial
                for trials in (within, over)
                for trial in trials[: min(settled_count(len(trials), 2), MOST_FITTED // 2)]
            ]
            values = [trial.measured[name] for trial in (*latest, *settled)]
            scaled = np.log if min(limit, *values) > 0 else np.asarray
            observations = Observations(
                self._sampler.pool_of([trial.architecture for trial in (*latest, *settled)]),
                scaled(values),
                np.zeros(len(values)),
            )
            surrogate = self._learner.learn(
                f"limit on {name}",
                observations.some(np.arange(len(latest))),
                observations.some(np.arange(len(latest), len(values))),
            )
            beliefs.append((surrogate, float(scaled(limit))))
        return beliefs
