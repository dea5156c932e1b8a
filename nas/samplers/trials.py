"""The trials of a study as a sampler sees them: completed, pruned, infeasible and running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from nas.samplers.choice_space import Candidate

PAUSED_AT = "paused_at_epoch"
"""The user attribute of a trial that paused at a rung: the epoch where its curve ends.

The trial keeps it when it trains again and when it ends.
"""


class CompletedTrial(NamedTuple):
    """A finished trial of full fidelity."""

    architecture: Candidate
    losses: tuple[float, ...]  # one an objective, smaller is better
    curve: Mapping[int, float] = {}  # loss of the first objective by epoch, where it was reported
    measured: Mapping[str, float] = {}  # limited quantities that must be measured, by name


class PrunedTrial(NamedTuple):
    """A trial that was stopped early, or waits at a rung; its losses are no result."""

    architecture: Candidate
    curve: Mapping[int, float]  # loss of the first objective by epoch


class InfeasibleTrial(NamedTuple):
    """A candidate that was rejected when it was measured."""

    architecture: Candidate
    measured: Mapping[str, float]  # the quantities whose limits it exceeds, by name


class ProposedTrial(NamedTuple):
    """A proposed candidate of which nothing else is known: its trial runs, or failed."""

    architecture: Candidate


@dataclass
class Results:
    """All that is known when a proposal is made, in order of the trials' numbers."""

    signs: Sequence[
        int
    ] = ()  # one an objective: -1 where it is maximised, and its losses are negated
    completed: list[CompletedTrial] = field(default_factory=list)
    pruned: list[PrunedTrial] = field(default_factory=list)
    pending: list[Candidate] = field(default_factory=list)  # proposed, with no result yet
    infeasible: list[InfeasibleTrial] = field(default_factory=list)
    proposed: set[Candidate] = field(default_factory=set)  # of all trials, in whatever state
    repeats: Sequence[CompletedTrial] = ()  # further trainings of completed trials' candidates

    @property
    def mean_losses(self) -> np.ndarray:
        """The completed trials' losses, each the mean over all trainings of its candidate."""
        losses = self.losses
        of_repeats: dict[Candidate, list[tuple[float, ...]]] = {}
        for trial in self.repeats:
            of_repeats.setdefault(trial.architecture, []).append(trial.losses)
        for row, trial in enumerate(self.completed if self.repeats else ()):
            if more := of_repeats.get(trial.architecture):
                losses[row] = np.mean([losses[row], *more], axis=0)
        return losses

    @property
    def losses(self) -> np.ndarray:
        """The completed trials' losses ``[n, objectives]``; infinite ones are clipped.

        They become the objective's largest or smallest finite loss, since moocore 0.3 is wrong, or
        kills the process, on infinite losses of three objectives.

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
    """Architectures and results that a search begins with."""

    first: tuple[Candidate, ...] = ()  # proposed before any other
    earlier: tuple[CompletedTrial, ...] = ()  # results that samplers learn from
    repeats: tuple[CompletedTrial, ...] = ()  # further trainings of the search's own candidates


NO_WARM_START = WarmStart()
