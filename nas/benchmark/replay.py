"""Replaying one search on a table: an Optuna study, asked and told, on a simulated clock.

Workers are asynchronous: whenever one is free the sampler is asked, and what it sees is what has
ended by then (what still runs is a RUNNING trial to it). Nothing here is random but the sampler.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from typing import NamedTuple

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import Trial, TrialState

from nas.benchmark.table import BenchmarkTable
from nas.constraints import SpaceExhausted
from nas.halving import SuccessiveHalving
from nas.samplers.history import HistoryStudy
from search_space.alternatives import Parameter

NOTHING_NEW_IN_A_ROW = 1000
"""Proposals without a new architecture, one after another, at which a sampler is given up."""

STUDY = "replay"


class Ended(NamedTuple):
    """An architecture's evaluation, when it ended."""

    row: int  # of the table
    seconds: float  # of simulated time, since the search began
    epochs: int  # trained; 0 where the table has none
    is_complete: bool  # not stopped at a rung


class Replay(NamedTuple):
    """What a sampler did with its budget."""

    ended: list[Ended]  # each architecture once, in order
    proposals: int  # repeated ones included
    proposal_seconds: float  # of processor time, all together
    ended_early: str  # why the budget was not used; empty if it was

    @property
    def seconds(self) -> float:
        """Simulated time from the start to the last end."""
        return self.ended[-1].seconds if self.ended else 0.0


class _Job(NamedTuple):
    """A training: where it will be at its next rung or at its end. Ordered by time, then start."""

    seconds: float
    order: int
    row: int
    epochs: int
    started: float


def replay(
    table: BenchmarkTable,
    sampler: Callable[[int], BaseSampler],
    *,
    budget: int,
    workers: int = 1,
    halving: SuccessiveHalving | None = None,
) -> Replay:
    """Search until ``budget`` architectures are evaluated, in full or up to where they are stopped.

    An architecture that was proposed before is answered from the table again, when its first
    evaluation has ended, and is no new evaluation; choices that no row has are a failed trial.

    Args:
        table: what evaluations give.
        sampler: from a proposal's number to the sampler that makes it.
        budget: distinct architectures.
        workers: trainings at once.
        halving: stops trainings at its rungs; each must be among the table's epochs.
    """
    return _Search(table, sampler, budget, workers, halving).run()


class _Search:
    def __init__(
        self,
        table: BenchmarkTable,
        sampler: Callable[[int], BaseSampler],
        budget: int,
        workers: int,
        halving: SuccessiveHalving | None,
    ) -> None:
        self.table = table
        self.sampler = sampler
        self.budget = budget
        self.free = workers
        self.halving = halving
        last = table.epochs[-1] if table.epochs else 0
        self.stops = (*halving.rungs.epochs, last) if halving else (last,)
        self.storage = InMemoryStorage()
        optuna.create_study(
            study_name=STUDY, storage=self.storage, directions=["maximize", "minimize"]
        )
        self.study = HistoryStudy(STUDY, self.storage)
        self.now = 0.0
        self.queue: list[_Job] = []
        self.numbers: dict[int, list[int]] = {}  # by row, the trials that wait for its end
        self.results: dict[int, Ended] = {}  # by row, in order
        self.proposals = 0
        self.nothing_new = 0
        self.proposal_seconds = 0.0
        self.ended_early = ""

    def run(self) -> Replay:
        while True:
            while self.free and len(self.numbers) < self.budget and not self.ended_early:
                self._propose()
            if not self.queue:
                break
            self.now = self.queue[0].seconds
            while self.queue and self.queue[0].seconds == self.now:  # before anything is asked
                self._advance(heapq.heappop(self.queue))
        return Replay(
            list(self.results.values()), self.proposals, self.proposal_seconds, self.ended_early
        )

    def _propose(self) -> None:
        """Ask once; a new architecture takes a worker."""
        began = time.process_time()
        self.study.sampler = self.sampler(self.proposals)
        try:
            trial = self.study.ask()
            row = self._row(trial)
        except SpaceExhausted as error:
            self.ended_early = str(error)
            return
        self.proposal_seconds += time.process_time() - began
        self.proposals += 1
        is_new = row is not None and row not in self.numbers
        self.nothing_new = 0 if is_new else self.nothing_new + 1
        if self.nothing_new >= NOTHING_NEW_IN_A_ROW:
            self.ended_early = f"nothing new in {NOTHING_NEW_IN_A_ROW:,} proposals"
        if row is None:
            self.study.tell(trial, state=TrialState.FAIL)
        elif row in self.results:
            self._tell(trial.number, self.results[row])
        else:
            self.numbers.setdefault(row, []).append(trial.number)
        if is_new:
            assert row is not None
            self.free -= 1
            self._schedule(row, len(self.numbers), self.now, self.stops[0])

    def _row(self, trial: Trial) -> int | None:
        """What the sampler wants; None if no row has these choices."""

        def choose(parameter: Parameter) -> int:
            value = trial.suggest_categorical(parameter.name, parameter.choices)
            return parameter.choices.index(value)

        vector = self.table.space.walk(choose)
        try:
            return self.table.index[self.table.space.decode(vector)]
        except ValueError:  # a combination that is no candidate of the space
            return None

    def _schedule(self, row: int, order: int, started: float, epochs: int) -> None:
        share = epochs / self.stops[-1] if self.stops[-1] else 1.0
        seconds = started + share * float(self.table.seconds[row])
        heapq.heappush(self.queue, _Job(seconds, order, row, epochs, started))

    def _advance(self, job: _Job) -> None:
        """A training has reached a rung or its end."""
        is_complete = job.epochs == self.stops[-1]
        if not is_complete:
            assert self.halving is not None  # else there are no rungs
            worth = self.table.curves[job.row, self.table.epochs.index(job.epochs)]
            losses = (-float(worth), float(self.table.minimised[job.row]))
            if self.halving.report(job.row, job.epochs, losses) == "continue":
                following = self.stops[self.stops.index(job.epochs) + 1]
                self._schedule(job.row, job.order, job.started, following)
                return
        ended = Ended(job.row, job.seconds, job.epochs, is_complete)
        self.results[job.row] = ended
        self.free += 1
        for number in self.numbers[job.row]:
            self._tell(number, ended)

    def _tell(self, number: int, ended: Ended) -> None:
        """Record an evaluation, with its curve, as `nas search` does."""
        study_id = self.storage.get_study_id_from_name(STUDY)
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(study_id, number)
        for epoch, worth in zip(self.table.epochs, self.table.curves[ended.row], strict=True):
            if epoch <= ended.epochs:
                # The storage's own call: Trial.report refuses studies with several objectives.
                self.storage.set_trial_intermediate_value(trial_id, epoch, float(worth))
        if ended.is_complete:
            values = [self.table.maximised[ended.row], self.table.minimised[ended.row]]
            self.study.tell(number, [float(value) for value in values])
        else:
            self.study.tell(number, state=TrialState.PRUNED)
