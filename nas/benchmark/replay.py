"""Replaying one search on a table: an Optuna study, asked and told, on a simulated clock.

Workers are asynchronous: whenever one is free, a training that waits at a rung goes on if one may,
and else the sampler is asked. What it sees is what has ended by then (what still runs, or waits, is
a RUNNING trial to it). Nothing here is random but the sampler.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from typing import NamedTuple

from optuna.samplers import BaseSampler

from nas.benchmark.rung_rules import Halving, rule_of
from nas.benchmark.table import BenchmarkTable
from nas.benchmark.table_study import TableStudy
from nas.constraints import REJECTIONS_IN_A_ROW, SpaceExhausted


class Ended(NamedTuple):
    """An architecture's evaluation, when it was last trained."""

    row: int  # of the table
    seconds: float  # of simulated time, since the search began
    epochs: int  # trained in all; 0 where the table has none
    is_complete: bool  # not ended at a rung


class Replay(NamedTuple):
    """What a sampler did with its budget."""

    ended: list[Ended]  # each architecture once, in order of time
    proposals: int  # repeated ones included
    proposal_seconds: float  # of processor time, all together
    ended_early: str  # why the budget was not used; empty if it was

    @property
    def seconds(self) -> float:
        """Simulated time from the start to the last end."""
        return self.ended[-1].seconds if self.ended else 0.0


class _Leg(NamedTuple):
    """A training until its next rung or its end. Ordered by time, then by first proposal."""

    seconds: float  # when it gets there
    number: int  # of the architecture's first trial
    row: int
    epochs: int  # trained by then


def replay(
    table: BenchmarkTable,
    sampler: Callable[[int], BaseSampler],
    *,
    budget: int,
    workers: int = 1,
    halving: Halving | None = None,
) -> Replay:
    """Search until ``budget`` architectures are evaluated, in full or as far as ``halving`` lets.

    An architecture that was proposed before is answered from the table again, when its first
    evaluation has ended, and is no new evaluation; choices that no row has are a failed trial.

    Args:
        table: what evaluations give.
        sampler: from a proposal's number to the sampler that makes it.
        budget: distinct architectures.
        workers: trainings at once.
        halving: stops or pauses trainings at its rungs, each of which must be among the table's
            epochs. What goes on takes up its training where it was.
    """
    return _Search(table, sampler, budget, workers, halving).run()


class _Search:
    def __init__(
        self,
        table: BenchmarkTable,
        sampler: Callable[[int], BaseSampler],
        budget: int,
        workers: int,
        halving: Halving | None,
    ) -> None:
        self.table = table
        self.sampler = sampler
        self.budget = budget
        self.workers = workers
        self.rule = rule_of(halving) if halving else None
        last = table.epochs[-1] if table.epochs else 0
        self.stops = (*halving.rungs.epochs, last) if halving else (last,)
        self.study = TableStudy(table)
        self.now = 0.0
        self.running: list[_Leg] = []  # a heap
        self.numbers: dict[int, list[int]] = {}  # by row, the trials that wait for its end
        self.paused: dict[int, Ended] = {}  # by row, as it is if it does not go on
        self.results: dict[int, Ended] = {}  # by row
        self.proposals = 0
        self.nothing_new = 0
        self.proposal_seconds = 0.0
        self.ended_early = ""

    def run(self) -> Replay:
        while True:
            self._occupy_workers()
            if not self.running:
                break
            self.now = self.running[0].seconds
            while self.running and self.running[0].seconds == self.now:  # before anything is asked
                self._arrive(heapq.heappop(self.running))
        for row, paused in self.paused.items():
            if row not in self.results:
                self._end(paused)
        in_order = sorted(
            self.results.values(), key=lambda ended: (ended.seconds, self.numbers[ended.row][0])
        )
        return Replay(in_order, self.proposals, self.proposal_seconds, self.ended_early)

    @property
    def _may_propose(self) -> bool:
        return len(self.numbers) < self.budget and not self.ended_early

    def _occupy_workers(self) -> None:
        """Give each free worker a training, as long as there are any."""
        while len(self.running) < self.workers:
            row = None
            if self.rule:
                arriving = [leg.epochs for leg in self.running]
                row = self.rule.next(more_begin=self._may_propose, arriving=arriving)
            if row is not None:
                self._train(row, trained=self.paused[row].epochs)
            elif self._may_propose:
                self._propose()
            else:
                break

    def _propose(self) -> None:
        """Ask once; a new architecture takes a worker."""
        began = time.process_time()
        try:
            number, row = self.study.ask(self.sampler(self.proposals))
        except SpaceExhausted as error:
            self.ended_early = str(error)
            return
        self.proposal_seconds += time.process_time() - began
        self.proposals += 1
        is_new = row is not None and row not in self.numbers
        self.nothing_new = 0 if is_new else self.nothing_new + 1
        if self.nothing_new >= REJECTIONS_IN_A_ROW:
            self.ended_early = f"nothing new in {REJECTIONS_IN_A_ROW} proposals"
        if row is None:
            self.study.fail(number)
        elif row in self.results:
            self._tell(number, self.results[row])
        else:
            self.numbers.setdefault(row, []).append(number)
            if row in self.paused:
                self.study.pause(number, row, self.paused[row].epochs)
        if is_new:
            assert row is not None
            self._train(row, trained=0)

    def _train(self, row: int, *, trained: int) -> None:
        """From now to the next rung or the end, having trained so many epochs before."""
        last = self.stops[-1]  # 0 where the table has no epochs
        until = next((stop for stop in self.stops if stop > trained), last)
        share = (until - trained) / last if last else 1.0
        seconds = self.now + share * float(self.table.seconds[row])
        heapq.heappush(self.running, _Leg(seconds, self.numbers[row][0], row, until))

    def _arrive(self, leg: _Leg) -> None:
        """A training has reached a rung or its end."""
        row, epoch = leg.row, leg.epochs
        if epoch == self.stops[-1]:
            self._end(Ended(row, self.now, epoch, is_complete=True))
            return
        assert self.rule is not None  # else there are no rungs
        worth = self.table.curves[row, self.table.epochs.index(epoch)]
        losses = (-float(worth), float(self.table.minimised[row]))
        fate = self.rule.reach(row, epoch, losses)
        if fate == "continue":
            self._train(row, trained=epoch)
            return
        so_far = Ended(row, self.now, epoch, is_complete=False)
        if fate == "stop":
            self._end(so_far)
        else:
            self.paused[row] = so_far
            for number in self.numbers[row]:
                self.study.pause(number, row, epoch)

    def _end(self, ended: Ended) -> None:
        self.results[ended.row] = ended
        for number in self.numbers[ended.row]:
            self._tell(number, ended)

    def _tell(self, number: int, ended: Ended) -> None:
        if ended.is_complete:
            self.study.complete(number, ended.row)
        else:
            self.study.stop(number, ended.row, ended.epochs)
