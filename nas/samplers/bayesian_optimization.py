"""Bayesian optimisation with exactly known costs: the default sampler.

A Gaussian process predicts each candidate's accuracy; its costs are known exactly. So the expected
hypervolume improvement is exact, and the candidate with the most is proposed. A share of the
proposals maximises the expected improvement of accuracy alone, since the accurate end of a front
adds little volume.

Each step has a module: ``acquisition_problem``, ``posterior`` (surrogates are fitted to the trials)
and ``acquisition``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, cached_property
from threading import Lock
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from nas.random_streams import Stream, generator
from nas.samplers.acquisition import AcquisitionFunction
from nas.samplers.acquisition_problem import Objectives, Problem
from nas.samplers.architecture_sampler import ArchitectureSampler, label_of
from nas.samplers.candidates import Candidates
from nas.samplers.choice_space import Candidate
from nas.samplers.gaussian_process import SurrogateModels
from nas.samplers.kernel_inputs import Encoder
from nas.samplers.learning_curves import at_one_epoch
from nas.samplers.observations import MOST_PRUNED
from nas.samplers.pool import Pool, concatenated
from nas.samplers.posterior import infer
from nas.samplers.prior_scores import PriorScores, ScoreColumns, ScoredEncoder
from nas.samplers.trials import Results

MOST_COMPARED = 60_000_000
"""The most work of one prediction, candidates times squared results. If all candidates would take
more, a random sample of them is compared."""

FEWEST_COMPARED = 300
"""The least number of candidates that are compared, however many results there are."""

MOST_CANDIDATES = 50_000
"""The most candidates that are compared; it bounds the memory of a proposal."""

PARENTS = 40
"""The best completed trials, whose mutations are compared too."""

MUTATIONS = 300
"""Mutations of ``PARENTS`` that are made where not all candidates are compared."""

LOCAL_SEARCH_STARTS, LOCAL_SEARCH_MUTATIONS, LOCAL_SEARCH_ROUNDS = 10, 20, 2
"""Local search: mutate the 10 best, 20 times each, in 2 rounds."""

RESCORED = 64
"""The best candidates, which the surrogates that see ``scores`` compare again."""

RANKED_AMONG = 64
"""Random candidates among which a score is ranked."""

FEWEST_FINISHED = 8
"""Completed trials below which all trials are compared at an epoch that enough of them reached."""

NO_ROWS = slice(0)
"""Indexes no row of an array."""

ONE_PROPOSAL = Lock()
"""Held during a proposal: if two limited the process's threads at once, a limit would stay."""


class BayesianOptimizationSampler(ArchitectureSampler):
    """Propose where the hypervolume is expected to grow most: Gaussian process, exact costs.

    The first proposals are random, spread evenly over the range of cost. With ``scores`` the best
    candidates are compared again by second surrogates, which see their scores too.

    Args:
        initial_trials: first proposals, spread evenly over the range of cost.
        accuracy_share: fraction of the proposals that maximise the expected accuracy alone.
        scores: scores of untrained networks (synflow, naswot, jacob_cov, grad_norm), by which the
            best candidates are ranked once more.
    """

    expects_growth = True

    def __init__(
        self,
        *args: Any,
        initial_trials: int = 8,
        accuracy_share: float = 0.2,
        scores: PriorScores | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        if initial_trials < 2:
            raise ValueError(f"initial_trials must be at least 2, got {initial_trials}")
        if not 0 <= accuracy_share <= 1:
            raise ValueError(f"accuracy_share must be from 0 to 1, got {accuracy_share}")
        self.initial_trials = initial_trials
        self.accuracy_share = accuracy_share
        self.scores = scores
        self.candidates = Candidates(self.space, self.costs, self.limits, self.seed)
        self._cost_rows: dict[Candidate, np.ndarray] = {}
        self._row_by_candidate: dict[Candidate, int | slice] = {}

    def propose(self, results: Results, rng: np.random.Generator) -> Candidate:
        """See :meth:`ArchitectureSampler.propose`.

        One thread computes the matrices: they are small, and trainings beside use all cores.
        """
        with ONE_PROPOSAL, _linear_algebra().limit(limits=1):
            return self._propose(results, rng)

    def _propose(self, results: Results, rng: np.random.Generator) -> Candidate:
        if not results.proposed and len(self.candidates.fitting.vectors):
            self._note_rejections()
        finished = results
        if len(results.completed) < FEWEST_FINISHED and self._costs_are_known(results):
            results = at_one_epoch(results, self.initial_trials, self._known_losses(results.signs))
        known = len(results.proposed) + len(self.earlier)
        if known < self.initial_trials or len(results.completed) < 2:
            return self._initial_proposal(results, rng)
        acquisition, ranked = self._best_first(results, rng)
        for row, vector in enumerate(ranked.vectors):
            candidate = self.space.decode(vector)
            if candidate not in results.proposed:
                growth = acquisition.growth(ranked.take(slice(row, row + 1)))
                if growth is not None and results is finished:
                    self.expected_growth = float(growth[0])
                return candidate
        return self.draw(results.proposed, rng)

    def _costs_are_known(self, results: Results) -> bool:
        """Whether the first objective has curves, and all others are known without training."""
        first, *others = self.objectives or ("",) * len(results.signs)
        return first not in self.costs.names and set(others) <= set(self.costs.names)

    def _known_losses(self, signs: Sequence[int]) -> Callable[[Candidate], tuple[float, ...]]:
        """Return the function from a candidate to its losses by all objectives but the first."""

        def losses(architecture: Candidate) -> tuple[float, ...]:
            costs = self.costs_of(architecture)
            pairs = zip(signs[1:], self.objectives[1:], strict=True)
            return tuple(sign * costs[name] for sign, name in pairs)

        return losses

    def _best_first(
        self, results: Results, rng: np.random.Generator
    ) -> tuple[AcquisitionFunction, Pool]:
        """Return the acquisition function, and candidates by its falling value."""
        problem = self.problem(results)
        posterior = infer(problem, self.models, rng)
        main_alone = bool(rng.random() < self.accuracy_share)
        acquisition = AcquisitionFunction.from_posterior(posterior, main_alone=main_alone)
        fresh = np.ones(len(self.candidates.fitting.vectors), dtype=bool)
        for candidate in results.proposed:
            fresh[self._row_of(candidate)] = False
        rows = np.flatnonzero(fresh)
        most = max(FEWEST_COMPARED, MOST_COMPARED // posterior.observations**2)
        most = min(most, MOST_CANDIDATES)
        search = len(rows) > most or not self.candidates.is_listed_whole
        if len(rows) > most:
            rows = np.sort(rng.choice(rows, most, replace=False))
        pools = [self.candidates.fitting.take(rows)]
        if search:
            parents = problem.completed.vectors[posterior.best_completed()[:PARENTS]]
            pools.append(self.candidates.mutations(parents, MUTATIONS, rng))
        scores = [acquisition(pool) for pool in pools]
        for _ in range(LOCAL_SEARCH_ROUNDS if search and any(map(len, scores)) else 0):
            best = np.argsort(-np.concatenate(scores), kind="stable")[:LOCAL_SEARCH_STARTS]
            parents = concatenated(pools).vectors[best]
            pools.append(
                self.candidates.mutations(
                    parents, LOCAL_SEARCH_STARTS * LOCAL_SEARCH_MUTATIONS, rng
                )
            )
            scores.append(acquisition(pools[-1]))
        values, compared = np.concatenate(scores), concatenated(pools)
        order = np.argsort(-values, kind="stable")
        if self.scored_models is not None:
            scored = AcquisitionFunction.from_posterior(
                infer(problem, self.scored_models, rng), main_alone=main_alone
            )
            again = scored(compared.take(order[:RESCORED]))
            first = order[:RESCORED][np.argsort(-again, kind="stable")]
            order = np.concatenate([first, order[RESCORED:]])
        return acquisition, compared.take(order)

    def problem(self, results: Results) -> Problem:
        """Return all that the acquisition function is computed from.

        Args:
            results: the trials so far, at least two of them completed.

        Raises:
            ValueError: the study and the sampler have different numbers of objectives, or a loss
                is NaN.
        """
        results = replace(results, pruned=results.pruned[-MOST_PRUNED:])
        losses = results.losses
        names = self.costs.names
        trials = (results.completed, results.repeats, results.pruned, results.infeasible)
        completed, repeated, pruned, infeasible = (
            self.pool_of([trial.architecture for trial in each]) for each in trials
        )
        return Problem(
            objectives=Objectives.from_names(
                self.objectives, names, results.signs, losses.shape[1]
            ),
            results=results,
            losses=losses,
            completed=completed,
            repeated=repeated,
            pruned=pruned,
            pending=self.pool_of(results.pending),
            infeasible=infeasible,
            candidates=self.candidates.fitting,
            cost_limits=self.candidates.limits,
            measured_limits=self.measured_limits,
            initial_trials=self.initial_trials,
            seed=self.seed,
        )

    @cached_property
    def models(self) -> SurrogateModels:
        """The surrogates of this space."""
        return SurrogateModels(Encoder(self.space.parameters, self.candidates.listed.costs))

    @cached_property
    def scored_models(self) -> SurrogateModels | None:
        """The surrogates that see scores too; None without scores."""
        if self.scores is None:
            return None
        rng = generator(self.seed, Stream.RANKED_SCORES)
        rows = rng.permutation(len(self.candidates.fitting.vectors))[:RANKED_AMONG]
        return SurrogateModels(
            ScoredEncoder(
                self.space.parameters,
                self.candidates.listed.costs,
                ScoreColumns(self.space, self.scores),
                self.candidates.fitting.vectors[rows],
            )
        )

    def _row_of(self, candidate: Candidate) -> int | slice:
        """Return the candidate's row in ``candidates.fitting``; ``NO_ROWS`` if it is not there."""
        if candidate not in self._row_by_candidate:
            (vector,) = self.vectors_of([candidate])
            row = self.candidates.rows.get(vector.tobytes())
            self._row_by_candidate[candidate] = NO_ROWS if row is None else row
        return self._row_by_candidate[candidate]

    def pool_of(self, architectures: list[Candidate]) -> Pool:
        """Return candidates with their known costs."""
        vectors = self.vectors_of(architectures)
        new = [row for row, each in enumerate(architectures) if each not in self._cost_rows]
        if new:
            for row, costs in zip(new, self.costs.columns(vectors[new]), strict=True):
                self._cost_rows[architectures[row]] = costs
        known = [self._cost_rows[architecture] for architecture in architectures]
        return Pool(vectors, np.array(known).reshape(len(known), len(self.costs.names)))

    def _initial_proposal(self, results: Results, rng: np.random.Generator) -> Candidate:
        """Return a random new candidate.

        The candidates, sorted by cost, are split into ``initial_trials`` ranges, from which the
        first proposals are drawn in turn.
        """
        fitting = self.candidates.fitting
        once = generator(self.seed, Stream.FIRST_PROPOSALS)
        order = once.permutation(len(fitting.vectors))
        known = [name for name in (*self.objectives, *self.costs.names) if name in self.costs.names]
        if known:
            column = fitting.costs[:, self.costs.names.index(known[0])]
            order = order[np.argsort(column[order], kind="stable")]
        ranges = np.array_split(order, min(self.initial_trials, max(1, len(order))))
        turns = np.roll(once.permutation(len(ranges)), -len(results.proposed))
        for turn in turns:
            for row in rng.permutation(ranges[turn]):
                candidate = self.space.decode(fitting.vectors[row])
                if candidate not in results.proposed:
                    return candidate
        return self.draw(results.proposed, rng)

    def _note_rejections(self) -> None:
        """Record which of the listed candidates the limits reject."""
        listed = self.candidates.listed
        for row in np.flatnonzero(~self.candidates.within(listed.costs)):
            costs = dict(zip(self.costs.names, listed.costs[row].tolist(), strict=True))
            over = {n: costs[n] for n, limit in self.limits.items() if costs[n] > limit}
            self.rejections.add(label_of(self.space.decode(listed.vectors[row])), over)


@cache
def _linear_algebra() -> ThreadpoolController:
    """Return the controller of the loaded linear algebra libraries' threads."""
    return ThreadpoolController().select(user_api="blas")
