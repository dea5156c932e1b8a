"""How much better a search is expected to become by evaluating a candidate.

Legend: N candidates, n results, d costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import moocore
import numpy as np

from nas.samplers.beliefs import (
    MOST_FITTED,
    MOST_OBSERVATIONS,
    Observations,
    compressed,
    nearest_to_front,
    probability_within,
    settled_count,
)
from nas.samplers.choice_space import Candidate
from nas.samplers.improvement import expected_improvement, hypervolume_improvement
from nas.samplers.learning_curves import estimate
from nas.samplers.pool import Pool
from nas.samplers.results import Results
from nas.samplers.surrogate import Surrogate

if TYPE_CHECKING:
    from nas.samplers.predictor_guided import PredictorGuidedSampler

BARELY = 1e-9
"""By which the reference point is worse than the worst that counts, as a share."""


class Outlook:
    """Beliefs from the results so far, and the improvement that follows from them.

    The main objective is the first that is not known beforehand; it alone is uncertain. Other
    objectives that must be measured count with their believed mean.

    Args:
        sampler: whose space, costs and limits these are.
        results: two or more finished trials among them.
        rng: chooses which results to look at, where there are very many.
    """

    def __init__(
        self, sampler: PredictorGuidedSampler, results: Results, rng: np.random.Generator
    ) -> None:
        self._sampler, self._results, self._rng = sampler, results, rng
        self._told = sampler.pool_of([trial.architecture for trial in results.told])
        self._losses = np.array(results.losses)
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
        for losses in (self._losses, self._begun):
            losses[:, self._main] = compressed(losses[:, self._main], self._begun[:, self._main])
        self._kept = nearest_to_front(self._losses, MOST_OBSERVATIONS, rng)
        self._measured = {
            i: self._learn(f"objective {i}", self._told, self._losses[:, i])
            for i in self._others
            if i not in self._column
        }
        self._limited = self._limit_beliefs()
        self._believe_pending()
        self._front = self._losses[moocore.is_nondominated(self._losses)]

    @property
    def observations(self) -> int:
        """How many results the main surrogate holds."""
        return len(self._surrogate.inputs.bits)

    def look_at_main_objective_alone(self) -> None:
        """From now on improvement is that of the best main objective, whatever it costs."""
        self._others = []

    def good_results(self, number: int) -> list[Candidate]:
        """Finished trials' architectures, by layers of fronts."""
        order = np.argsort(
            moocore.pareto_rank(self._losses[: len(self._told.vectors)]), kind="stable"
        )
        return [self._results.told[index].architecture for index in order[:number]]

    def improvement(self, pool: Pool) -> np.ndarray:
        """What each candidate is expected to add ``[N]``."""
        if not len(pool.vectors):
            return np.empty(0)
        inputs = self._sampler.learner.inputs(pool)
        mean, deviation = self._surrogate.predict(inputs)
        likely = probability_within(self._limited, inputs)
        if not self._others:
            best = self._front[:, self._main].min()
            return likely * expected_improvement(mean, deviation, np.array(best))
        costs = np.stack(
            [
                pool.costs[:, self._column[i]]
                if i in self._column
                else self._measured[i].predict_mean(inputs)
                for i in self._others
            ],
            axis=1,
        )
        order = [self._main, *self._others]
        front, reference = self._front[:, order], self._reference[order]
        return likely * hypervolume_improvement(mean, deviation, costs, front, reference)

    @property
    def _reference(self) -> np.ndarray:
        """The worst of the first results, and of all candidates where it is known: it stays."""
        worst = self._begun.max(axis=0)
        for i, column in self._column.items():
            worst[i] = self._sampler.fitting.costs[:, column].max()
        return np.asarray(worst + BARELY * np.abs(worst))

    def _learn(
        self, quantity: str, pool: Pool, values: np.ndarray, more: Observations | None = None
    ) -> Surrogate:
        """A surrogate of values of finished trials, and of ``more``."""
        sampler = self._sampler
        count = settled_count(len(values), sampler.initial_trials)
        rows = nearest_to_front(
            self._losses[:count], MOST_FITTED, np.random.default_rng([sampler.seed, count])
        )
        exact = Observations(pool, values, np.zeros(len(values)))
        observed = exact.some(self._kept)
        if more is not None:
            observed = observed.and_also(more)
        return sampler.learner.learn(quantity, observed, exact.some(rows))

    def _believe_pending(self) -> None:
        """Learn the main objective; running trials count with the result that is believed."""
        estimates = self._estimates()
        values = self._losses[:, self._main]
        self._surrogate = self._learn("main", self._told, values, estimates)
        if not self._results.pending:
            return
        pending = self._sampler.pool_of(self._results.pending)
        inputs = self._sampler.learner.inputs(pending)
        believed = self._surrogate.predict_mean(inputs)
        more = Observations(pending, believed, np.zeros(len(believed)))
        more = more if estimates is None else estimates.and_also(more)
        self._surrogate = self._learn("main", self._told, values, more)
        rows = np.empty((len(believed), self._losses.shape[1]))
        rows[:, self._main] = believed
        for i in self._others:
            known = self._column.get(i)
            rows[:, i] = (
                self._measured[i].predict_mean(inputs) if known is None else pending.costs[:, known]
            )
        self._losses = np.concatenate([self._losses, rows])

    def _estimates(self) -> Observations | None:
        """What trials that were stopped early would have come to, if anything can be said."""
        stopped = self._results.stopped[-MOST_OBSERVATIONS:]
        if self._main != 0 or not stopped:  # curves are those of the first objective
            return None
        found = estimate(stopped, self._results.told)
        usable = [(t.architecture, e) for t, e in zip(stopped, found, strict=True) if e is not None]
        if not usable:
            return None
        losses = np.array([e.loss for _, e in usable])
        typical = np.array(self._results.losses)[: self._sampler.initial_trials, 0]
        return Observations(
            self._sampler.pool_of([architecture for architecture, _ in usable]),
            compressed(losses, typical),
            np.array([e.variance for _, e in usable]),
        )

    def _limit_beliefs(self) -> list[tuple[Surrogate, float]]:
        """Of each measured quantity with a limit, its logarithm's surrogate and the limit."""
        sampler, results = self._sampler, self._results
        beliefs = []
        for name, limit in sampler.measured_limits.items():
            known = [(t.architecture, t.measured[name]) for t in results.told if name in t.measured]
            known += [(a, v[name]) for a, v in results.turned_away if name in v]
            known = known[-MOST_OBSERVATIONS:]
            if len(known) < 2:
                continue
            pool = sampler.pool_of([architecture for architecture, _ in known])
            values = np.log([value for _, value in known])
            observed = Observations(pool, values, np.zeros(len(values)))
            count = settled_count(len(values), 2)
            settled = observed.some(np.arange(min(count, MOST_FITTED)))
            beliefs.append((sampler.learner.learn(name, observed, settled), limit))
        return beliefs
