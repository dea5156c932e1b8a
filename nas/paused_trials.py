"""Trials of a search that wait at a rung: which of them goes on, and what becomes of the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from nas.config import SearchConfig
from nas.evaluate import EvaluationResult
from nas.evaluation_row import Evaluation, curve_points
from nas.metrics import losses
from nas.paused_states import PausedStates
from nas.promotion import PROMOTIONS
from nas.proposals import Proposal, Proposals
from nas.run_folder import RunError
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
        promotion = PROMOTIONS[config.scheduler.type]
        self._promotion = promotion(config.rungs, config.scheduler.reduction_factor)
        self._epochs: dict[int, int] = {}  # that each trial is trained, by its number
        for row in rows:
            if row.state in ("complete", "pruned", "paused"):
                self._take_up(row)
        states.keep_only({proposal.number for proposal in proposals.paused})

    @property
    def share_done(self) -> float:
        """Of the epochs that the whole search will train, those that are."""
        wanted = self._config.most_epochs(self._config.search.n_trials)
        return min(1.0, sum(self._epochs.values()) / wanted)

    def first_leg(self, proposal: Proposal) -> Leg:
        """How a proposal's training begins."""
        return Leg(proposal, self._config.rungs[0], resumes=False)

    @property
    def may_go_on(self) -> bool:
        """Whether :meth:`next_leg` has one though further trials are to begin."""
        return self._promotion.next(more_begin=True, arriving=()) is not None

    def next_leg(self, *, more_begin: bool, arriving: Collection[int]) -> Leg | None:
        """The leg of the trial that goes on; None if none does yet.

        A state that is not there any more is noted in the log, and the training begins anew.

        Args:
            more_begin, arriving: see :meth:`nas.promotion.Promotion.next`.
        """
        number = self._promotion.next(more_begin=more_begin, arriving=arriving)
        if number is None:
            return None
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
        self,
        proposal: Proposal,
        result: EvaluationResult,
        latency: Latency | None,
        *,
        epoch: int,
        state: bytes | None,
    ) -> None:
        """Record that a trial has reached a rung, with its curve until there.

        Where the state is lost, or the driver dies before it is written, there is an older one of
        the trial or none, from which it goes on to the next rung all the same.

        Args:
            proposal, result, latency, epoch: see :meth:`nas.proposals.Proposals.pause`.
            state: what it goes on from; None if it was lost with a node.

        Raises:
            RunError: the state cannot be written; what it found until here is kept.
        """
        self._proposals.pause(proposal, result, latency, epoch=epoch)
        accuracy = curve_points(result.curve)[epoch]
        self._note(proposal.number, proposal.architecture, {epoch: accuracy})
        self._epochs[proposal.number] = epoch
        if state is None:
            return
        try:
            self.states.save(proposal.number, state)
        except OSError as error:
            raise RunError(
                f"cannot write {self.states.file_of(proposal.number)}, from which a paused "
                f"training would go on: {error.strerror or error}"
            ) from error

    def state_of(self, proposal: Proposal) -> bytes:
        """What a trial goes on from.

        Raises:
            RunError: it cannot be read.
        """
        try:
            return self.states.load(proposal.number)
        except OSError as error:
            raise RunError(
                f"cannot read {self.states.file_of(proposal.number)}: {error.strerror or error}"
            ) from error

    def complete(self, proposal: Proposal) -> None:
        """A trial was trained to its end."""
        self._epochs[proposal.number] = self._config.proxy.epochs
        self.states.discard(proposal.number)

    def withdraw(self, proposal: Proposal) -> None:
        """A trial failed: the next best one may go on in its place."""
        self._promotion.withdraw(proposal.number)
        self._epochs.pop(proposal.number, None)
        self.states.discard(proposal.number)

    def end_all(self) -> None:
        """Stop all that wait, for good."""
        for proposal in self._proposals.paused:
            self._proposals.stop_paused(proposal, at_epoch=self._epochs[proposal.number])
            self._promotion.end(proposal.number)
        self.states.keep_only(())

    def _take_up(self, row: Evaluation) -> None:
        points = curve_points(row.curve)
        rungs = {rung: points[rung] for rung in self._config.rungs if rung in points}
        self._note(row.number, row.architecture, rungs)
        self._epochs[row.number] = row.epochs
        if row.state == "complete":
            self._promotion.go_on(row.number)
        elif row.state == "pruned":
            self._promotion.end(row.number)

    def _note(self, number: int, architecture: Architecture, rungs: Mapping[int, float]) -> None:
        for epoch, accuracy in rungs.items():
            metrics = self._metrics_at(architecture, accuracy)
            compared = losses(metrics, self._config.compared_objectives)
            self._promotion.pause(number, epoch, compared)
