"""What this project's samplers have in common: whole architectures, exact costs, no repeats.

They are Optuna samplers, and work in any Optuna study whose trials suggest a space's parameters
by name (``SearchSpace.walk``). Each proposal's randomness derives from (seed, trial number), so a
study that is resumed never replays one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.constraints import Limits, NothingFits, Rejections, SpaceExhausted
from nas.quantities import format_quantity
from search_space.architecture import Architecture
from search_space.cost import Costs
from search_space.space import SearchSpace

DRAWS = 2000
"""Architectures drawn before a sampler gives up on finding one that fits and is new."""

ENUMERABLE = 20_000
"""Spaces up to this size are walked through whole when draws find nothing new."""


class Told(NamedTuple):
    """A finished trial of full fidelity, as a sampler sees it."""

    architecture: Architecture
    losses: tuple[float, ...]  # one an objective, smaller is better


class ArchitectureSampler(BaseSampler):
    """Proposes architectures of ``space`` that fit the limits and were not proposed before.

    Args:
        space: the search space.
        costs: the exact cost of an architecture.
        limits: hard limits; those on latency are not known here and are left to the caller.
        seed: of all randomness.
        rejections: added to for every candidate that a limit turned away.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        costs: Callable[[Architecture], Costs],
        limits: Limits | None = None,
        seed: int = 0,
        rejections: Rejections | None = None,
    ) -> None:
        self.space = space
        self.costs = costs
        self.limits = limits or Limits()
        self.seed = seed
        self.rejections = rejections or Rejections()
        self._read: dict[frozenset[tuple[str, Any]], Architecture] = {}  # by a trial's params

    @abstractmethod
    def propose(
        self, told: list[Told], proposed: set[Architecture], rng: np.random.Generator
    ) -> Architecture:
        """An architecture that fits and is not among ``proposed``.

        Args:
            told: finished trials, by number.
            proposed: every architecture proposed so far, whatever became of it.
            rng: this proposal's randomness.

        Raises:
            NothingFits: no architecture within the limits was found.
            SpaceExhausted: all that were found are among ``proposed``.
        """

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Every parameter of the space, active or not: a proposal uses those that it needs."""
        return {p.name: CategoricalDistribution(p.choices) for p in self.space.parameters}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The values of the proposal's active parameters."""
        told, proposed = [], set()
        signs = [-1 if d == StudyDirection.MAXIMIZE else 1 for d in study.directions]
        for other in study.get_trials(deepcopy=False):
            if other.number == trial.number or not other.params:
                continue
            architecture = self._architecture(other)
            if architecture is None:
                continue
            proposed.add(architecture)
            if other.state == TrialState.COMPLETE:
                losses = tuple(s * v for s, v in zip(signs, other.values, strict=True))
                told.append(Told(architecture, losses))
        rng = np.random.default_rng([self.seed, trial.number])
        return dict(self.space.params_of(self.propose(told, proposed, rng)))

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Never asked for a space's parameters: a proposal holds all that are active.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{param_name!r} is not a parameter of the space {self.space.name!r}")

    def fits(self, architecture: Architecture) -> bool:
        """Whether ``architecture`` is within the limits; noted among the rejections if not."""
        violations = self.limits.static_violations(self.costs(architecture))
        if violations:
            self.rejections.add(architecture.arch_id, violations)
        return not violations

    def draw(self, proposed: set[Architecture], rng: np.random.Generator) -> Architecture:
        """A random architecture that fits and is new.

        Raises:
            NothingFits, SpaceExhausted: see :meth:`propose`.
        """
        tried = set()
        for _ in range(DRAWS):
            candidate = self.space.sample(rng)
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
            raise SpaceExhausted(
                f"no new architecture of {self.space.name!r} within the limits ({self.limits}) "
                f"was found in {DRAWS:,} draws; {len(proposed):,} were proposed before"
            )
        smallest: dict[str, float] = {}
        for candidate in tried:
            for name, value in self.limits.static_violations(self.costs(candidate)).items():
                smallest[name] = min(value, smallest.get(name, value))
        raise nothing_fits(self.space, self.limits, len(tried), smallest)

    def _architecture(self, trial: FrozenTrial) -> Architecture | None:
        """A trial's architecture; None while, or because, not all parameters were chosen."""
        params = frozenset(trial.params.items())
        if params not in self._read:
            try:
                self._read[params] = self.space.from_params(trial.params)
            except ValueError:
                return None
        return self._read[params]


def nothing_fits(
    space: SearchSpace, limits: Limits, tried: int, smallest: Mapping[str, float]
) -> NothingFits:
    """The error that says how many architectures were tried, and the smallest cost seen."""
    seen = ", ".join(
        f"the smallest {name} seen is {format_quantity(value)} ({value:,.6g})"
        for name, value in smallest.items()
    )
    return NothingFits(
        f"no architecture of {space.name!r} fits the limits ({limits}): "
        f"{tried:,} were tried, {seen}"
    )
