"""The base of this project's samplers: whole architectures, exact costs, no repeats.

They are Optuna samplers, and work in any Optuna study whose trials suggest a space's parameters
by name (``walk``), with or without other parameters. Each proposal's randomness derives from
(seed, trial number), so a study that is resumed never replays one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.costs.limits import Rejections, describe_limits
from nas.errors import NothingFits, SpaceExhausted
from nas.quantities import format_quantity
from nas.random_streams import Stream, derived_seed, generator
from nas.samplers.choice_space import ENUMERABLE, Candidate, ChoiceSpace, KnownCosts, NoCosts
from nas.samplers.optuna_private import was_enqueued
from nas.samplers.study_reader import StudyReader
from nas.samplers.trials import CompletedTrial, Results

DRAWS = 2000
"""Architectures that are drawn before a sampler gives up on one that is new and fits."""


class ArchitectureSampler(BaseSampler):
    """Propose architectures of ``space`` that fit the limits and were not proposed before.

    A trial's other parameters, such as a learning rate, are sampled independently of the
    architecture and of each other. So are parameters of the space that a proposal lacks because
    the user has fixed others.

    Args:
        space: the search space.
        costs: the exactly known costs of every architecture.
        objectives: the names of the study's objectives; those among ``costs.names`` are known.
        limits: hard upper limits, inclusive, by name; on costs, or on quantities that the caller
            measures (a trial's user attribute ``metrics`` or ``violation`` has the value by name).
        first: architectures that are proposed before any other, if they fit.
        earlier: results of other studies that count as if they were this one's; their
            architectures may be proposed again.
        seed: of all randomness.
        rejections: records every candidate that a limit rejects.
        independent_sampler: samples the other parameters; None for Optuna's ``RandomSampler``,
            seeded anew for each by (seed, trial number, parameter's name).

    Attributes:
        expects_growth: whether the sampler predicts results, so that it knows the next attribute.
        expected_growth: what its latest proposal is expected to add: as a share of the present
            front's hypervolume, or with one objective in the objective's unit. None where that is
            not predicted, as for the first proposals.
    """

    expects_growth: ClassVar[bool] = False
    expected_growth: float | None = None

    def __init__(
        self,
        space: ChoiceSpace,
        *,
        costs: KnownCosts | None = None,
        objectives: Sequence[str] = (),
        limits: Mapping[str, float] | None = None,
        first: Sequence[Candidate] = (),
        earlier: Sequence[CompletedTrial] = (),
        repeats: Sequence[CompletedTrial] = (),
        seed: int = 0,
        rejections: Rejections | None = None,
        independent_sampler: BaseSampler | None = None,
    ) -> None:
        self.space = space
        self.costs = costs or NoCosts()
        self.objectives = tuple(objectives)
        limits = dict(limits or {})
        self.limits = {name: limits[name] for name in self.costs.names if name in limits}
        self.measured_limits = {n: v for n, v in limits.items() if n not in self.limits}
        self.first = tuple(first)
        self.earlier = tuple(earlier)
        self.seed = seed
        self.rejections = rejections or Rejections()
        self.independent_sampler = independent_sampler
        self._reader = StudyReader(space, self.earlier, self.measured_limits, tuple(repeats))
        self._vectors: dict[Candidate, np.ndarray] = {}
        self._known_costs: dict[Candidate, Mapping[str, float]] = {}

    @abstractmethod
    def propose(self, results: Results, rng: np.random.Generator) -> Candidate:
        """Return an architecture that fits and is not among ``results.proposed``.

        Args:
            results: the trials so far.
            rng: this proposal's randomness.

        Raises:
            NothingFits: no architecture within the limits was found.
            SpaceExhausted: every architecture that was found was proposed before.
        """

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Propose at once if every parameter has one choice: Optuna asks for none of them then.

        Raises:
            NothingFits, SpaceExhausted: see :meth:`propose`.
        """
        single = all(distribution.single() for distribution in self._distributions.values())
        if single and not was_enqueued(trial):
            self.sample_relative(study, trial, self._distributions)
        if self.independent_sampler is not None:
            self.independent_sampler.before_trial(study, trial)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Tell the independent sampler, if one was given."""
        if self.independent_sampler is not None:
            self.independent_sampler.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Reseed the independent sampler, if one was given; nothing else here keeps a generator."""
        if self.independent_sampler is not None:
            self.independent_sampler.reseed_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return every parameter of the space; a proposal has values for its active ones."""
        return dict(self._distributions)  # a copy, since PartialFixedSampler deletes from it

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose, and return the values of the active parameters among ``search_space``."""
        self.expected_growth = None
        results = self._reader.results(study, trial.number)
        rng = generator(self.seed, Stream.PROPOSAL, trial.number)
        for architecture in self.first:
            if architecture not in results.proposed and not self.violations(architecture):
                break
        else:
            architecture = self.propose(results, rng)
        params = self.space.params_of(architecture)
        return {name: value for name, value in params.items() if name in search_space}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Sample a parameter that the trial's proposal does not have."""
        sampler = self.independent_sampler or self._random_sampler(trial.number, param_name)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def costs_of(self, architecture: Candidate) -> Mapping[str, float]:
        """Return the known costs by name."""
        costs = self._known_costs.get(architecture)
        if costs is None:
            costs = self._known_costs[architecture] = self.costs.of(architecture)
        return costs

    def vectors_of(self, architectures: Sequence[Candidate]) -> np.ndarray:
        """Return the vectors ``[N, P]`` of architectures."""
        vectors = np.empty((len(architectures), len(self.space.parameters)), dtype=np.int64)
        for row, architecture in enumerate(architectures):
            vector = self._vectors.get(architecture)
            if vector is None:
                vector = self._vectors[architecture] = self.space.encode(architecture)
            vectors[row] = vector
        return vectors

    def violations(self, architecture: Candidate) -> dict[str, float]:
        """Return the limits that ``architecture`` exceeds, each with its cost."""
        if not self.limits:
            return {}
        costs = self.costs_of(architecture)
        return {name: costs[name] for name, limit in self.limits.items() if costs[name] > limit}

    def fits(self, architecture: Candidate) -> bool:
        """Return whether ``architecture`` is within the limits; record a rejection if not."""
        violations = self.violations(architecture)
        if violations:
            self.rejections.add(label_of(architecture), violations)
        return not violations

    def random_candidate(self, rng: np.random.Generator) -> Candidate:
        """Draw from the space, uniformly over choices."""
        return self.space.sample(rng)

    def draw(self, proposed: set[Candidate], rng: np.random.Generator) -> Candidate:
        """Draw a random architecture that fits and was not proposed.

        Raises:
            NothingFits, SpaceExhausted: see :meth:`propose`.
        """
        tried = set()
        for _ in range(DRAWS):
            candidate = self.random_candidate(rng)
            if candidate in proposed or candidate in tried:
                continue
            if self.fits(candidate):
                return candidate
            tried.add(candidate)
        if self.space.size <= ENUMERABLE:
            left = []
            for candidate in self.space.architectures():
                if candidate in proposed or candidate in tried:
                    continue
                if self.fits(candidate):
                    left.append(candidate)
                else:
                    tried.add(candidate)
            if left:
                return left[rng.integers(len(left))]
        if proposed:
            limits = describe_limits(self.limits | self.measured_limits)
            raise SpaceExhausted(
                f"no new architecture of {self.space.name!r} within the limits ({limits}) was "
                f"found in {DRAWS:,} draws; "
                f"{len(proposed):,} were proposed before"
            )
        smallest: dict[str, float] = {}
        for candidate in tried:
            for name, value in self.violations(candidate).items():
                smallest[name] = min(value, smallest.get(name, value))
        raise nothing_fits(self.space, self.limits, len(tried), smallest)

    def _random_sampler(self, number: int, param_name: str) -> BaseSampler:
        """Return Optuna's random sampler, seeded for one parameter of trial ``number``."""
        checksum = crc32(param_name.encode())
        seed = derived_seed(self.seed, Stream.OTHER_PARAMETER, number, checksum)
        return optuna.samplers.RandomSampler(seed=seed)

    @cached_property
    def _distributions(self) -> dict[str, BaseDistribution]:
        return {p.name: CategoricalDistribution(p.choices) for p in self.space.parameters}


def label_of(architecture: Candidate) -> str:
    """Return a candidate's name in records: its ``arch_id``, or else its values."""
    return str(getattr(architecture, "arch_id", architecture))


def nothing_fits(
    space: ChoiceSpace, limits: Mapping[str, float], tried: int, smallest: Mapping[str, float]
) -> NothingFits:
    """Make the error that says how many architectures were tried, and the smallest cost seen."""
    seen = ", ".join(
        f"the smallest {name} seen is {format_quantity(value)} ({value:,.6g})"
        for name, value in smallest.items()
    )
    return NothingFits(
        f"no architecture of {space.name!r} fits the limits ({describe_limits(limits)}): "
        f"{tried:,} were tried, {seen}"
    )
