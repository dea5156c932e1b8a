"""What a sampler sees of a study: results, trials that were stopped early, and running ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from nas.samplers.choice_space import Candidate

PAUSED_AT = "paused_at_epoch"
"""User attribute of a trial that paused at a rung: while it is unfinished, its curve ends there.

It may be training again, and keeps the attribute when it ends.
"""


class CompletedTrial(NamedTuple):
    """A finished trial of full fidelity."""

    architecture: Candidate
    losses: tuple[float, ...]  # one an objective, smaller is better
    curve: Mapping[int, float] = {}  # loss of the first objective by epoch, where it was reported
    measured: Mapping[str, float] = {}  # of limited quantities that are only known by measuring


class PrunedTrial(NamedTuple):
    """A trial that was stopped early, or waits at a rung; what it had is no result."""

    architecture: Candidate
    curve: Mapping[int, float]  # loss of the first objective by epoch


class InfeasibleTrial(NamedTuple):
    """A candidate that was rejected when it was measured."""

    architecture: Candidate
    measured: Mapping[str, float]  # of the limited quantities that it exceeds


class ProposedTrial(NamedTuple):
    """A candidate of which nothing else is known: its trial runs, or failed."""

    architecture: Candidate


@dataclass
class Results:
    """All that is known when a proposal is made, in order of the trials' numbers."""

    signs: Sequence[int] = ()  # one an objective: -1 where losses are what is maximised, negated
    completed: list[CompletedTrial] = field(default_factory=list)
    pruned: list[PrunedTrial] = field(default_factory=list)
    pending: list[Candidate] = field(default_factory=list)  # proposed, with no result yet
    infeasible: list[InfeasibleTrial] = field(default_factory=list)
    proposed: set[Candidate] = field(default_factory=set)  # whatever became of them

    @property
    def losses(self) -> np.ndarray:
        """Of the completed trials ``[n, objectives]``; an infinite one is the utmost finite one.

        moocore 0.3 takes no infinite ones: of three objectives it is wrong, or kills the process.

        Raises:
            ValueError: a loss is NaN, which is neither good nor bad.
        """
        losses = np.array([trial.losses for trial in self.completed], dtype=float)
        for row in np.flatnonzero(np.isnan(losses).any(axis=-1)):
            trial = self.completed[row]
            raise ValueError(f"losses must be numbers, got {trial.losses} of {trial.architecture}")
        for column in losses.T:
            usable = column[np.isfinite(column)]
            column[:] = np.clip(column, usable.min(), usable.max()) if len(usable) else 0.0
        return losses


class WarmStart(NamedTuple):
    """What is known before the first proposal."""

    first: tuple[Candidate, ...] = ()  # proposed before any other
    earlier: tuple[CompletedTrial, ...] = ()  # results that samplers learn from


NO_WARM_START = WarmStart()
