"""Trials of a search that wait at a rung: which of them goes on, and what becomes of the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from nas.config import SearchConfig
from nas.evaluate import EvaluationResult
from nas.ledger import MAXIMISED, Evaluation, curve_points
from nas.paused_states import PausedStates
from nas.promotion import Promotion, expected_epochs
from nas.proposals import Proposal, Proposals
from search_space.architecture import Architecture
from search_space.cost.latency import Latency

log = logging.getLogger(__name__)

MetricsAt = Callable[[Architecture, float], Mapping[str, float]]
"""What an architecture's metrics are as long as its accuracy is this one."""


class Leg(NamedTuple):
    """From one pause of a training to the next."""

    proposal: Proposal
    pause_at: int | None  # the epoch; None trains to the end
    resumes: bool  # from a state that was kept; else from the beginning


class PausedTrials:
    """Promotion at rungs (:mod:`nas.promotion`), kept in the ledger and on the disk.

    Args:
        config: the search's.
        proposals: what was proposed, with those that are paused.
        states: what paused trainings go on from.
        metrics_at: what trials are compared by at a rung.
        rows: of the ledger, as earlier drivers left them.
    """

    def __init__(
        self,
        config: SearchConfig,
        proposals: Proposals,
        states: PausedStates,
        metrics_at: MetricsAt,
        rows: Iterable[Evaluation],
    ) -> None:
        self._config = config
        self._proposals = proposals
        self.states = states
        self._metrics_at = metrics_at
        self._promotion = Promotion(config.rungs, config.scheduler.reduction_factor)
        self._epochs: dict[int, int] = {}  # that each trial is trained, by its number
        self._seconds: dict[int, float] = {}  # of the device, of those that wait
        for row in rows:
            if row.state in ("complete", "pruned", "paused"):
                self._take_up(row)

    @property
    def gpu_seconds(self) -> float:
        """Of the device, by the trials that are neither complete nor stopped."""
        return sum(self._seconds.values())

    @property
    def share_done(self) -> float:
        """Of the epochs that the whole search will train, those that are."""
        config = self._config
        wanted = expected_epochs(
            config.search.n_trials,
            config.proxy.epochs,
            config.rungs,
            config.scheduler.reduction_factor,
        )
        return min(1.0, sum(self._epochs.values()) / wanted)

    def first_leg(self, proposal: Proposal) -> Leg:
        """How a proposal's training begins."""
        return Leg(proposal, self._config.rungs[0], resumes=False)

    def next_leg(self, *, nothing_else: bool) -> Leg | None:
        """The leg of the trial that goes on; None if none does yet.

        A state that is not there any more is noted in the log, and the training begins anew.

        Args:
            nothing_else: see :meth:`nas.promotion.Promotion.next`.
        """
        number = self._promotion.next(nothing_else=nothing_else)
        if number is None:
            return None
        assert isinstance(number, int)
        self._promotion.go_on(number)
        later = [rung for rung in self._config.rungs if rung > self._epochs[number]]
        resumes = self.states.holds(number)
        if not resumes:
            log.warning(
                "the state of trial %d is not in %s: it is trained again from its first epoch",
                number,
                self.states.folder,
            )
        proposal = self._proposals.take_up(number)
        return Leg(proposal, later[0] if later else None, resumes)

    def pause(
        self, proposal: Proposal, result: EvaluationResult, latency: Latency | None, *, epoch: int
    ) -> None:
        """Record that a trial has reached a rung, with its curve until there."""
        self._proposals.pause(proposal, result, latency, epoch=epoch)
        accuracy = curve_points(result.curve)[epoch]
        self._note(proposal.number, proposal.architecture, {epoch: accuracy})
        self._epochs[proposal.number] = epoch
        self._seconds[proposal.number] = result.gpu_seconds

    def complete(self, proposal: Proposal) -> None:
        """A trial was trained to its end."""
        self._epochs[proposal.number] = self._config.proxy.epochs
        self._let_go(proposal.number)

    def withdraw(self, proposal: Proposal) -> None:
        """A trial failed: the next best one may go on in its place."""
        self._promotion.withdraw(proposal.number)
        self._let_go(proposal.number)

    def end_all(self) -> list[float]:
        """Stop all that wait, for good; the device seconds of each."""
        seconds = []
        for proposal in self._proposals.paused:
            self._proposals.stop_paused(proposal, at_epoch=self._epochs[proposal.number])
            self._promotion.end(proposal.number)
            seconds.append(self._seconds[proposal.number])
            self._let_go(proposal.number)
        return seconds

    def _take_up(self, row: Evaluation) -> None:
        points = curve_points(row.curve)
        rungs = {rung: points[rung] for rung in self._config.rungs if rung in points}
        self._note(row.number, row.architecture, rungs)
        self._epochs[row.number] = row.epochs
        if row.state == "complete":
            self._promotion.go_on(row.number)
        elif row.state == "pruned":
            self._promotion.end(row.number)
        else:
            self._seconds[row.number] = row.gpu_seconds

    def _note(self, number: int, architecture: Architecture, rungs: Mapping[int, float]) -> None:
        for epoch, accuracy in rungs.items():
            metrics = self._metrics_at(architecture, accuracy)
            losses = [
                -metrics[name] if name in MAXIMISED else metrics[name]
                for name in self._config.compared_objectives
            ]
            self._promotion.pause(number, epoch, losses)

    def _let_go(self, number: int) -> None:
        self._seconds.pop(number, None)
        self.states.discard(number)
