"""Replay one search on a table: the search of ``nas search``, with its trainings looked up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from nas.benchmark.simulated_executor import (
    SimulatedClock,
    SimulatedExecutor,
    SimulatedStates,
    Trajectory,
)
from nas.benchmark.table import BenchmarkTable
from nas.benchmark.table_records import TableRecords
from nas.config.sections import SchedulerSettings, SearchSettings
from nas.costs.limits import Rejections
from nas.samplers.trials import WarmStart
from nas.search.endings.expected_growth import Estimate
from nas.search.job import Job
from nas.search.loop import Search
from nas.search.problem import SamplerByNumber, SearchProblem
from nas.search.trial_state import State


class Ended(NamedTuple):
    """An architecture's evaluation, and when it ended."""

    row: int  # in the table
    seconds: float  # simulated, since the search began
    epochs: int  # trained in total; 0 for a table without curves
    is_complete: bool  # False if it ended at a rung


class Replay(NamedTuple):
    """The course of one replay."""

    ended: list[Ended]  # each architecture once, in order of time
    proposals: int  # including repeated ones
    proposal_seconds: float  # processor time of all proposals together
    ended_early: str  # why the budget was not used up; empty if it was
    growth: Sequence[Estimate] = ()  # of the front, expected of the next hour

    @property
    def seconds(self) -> float:
        """Simulated time from the start to the last end."""
        return self.ended[-1].seconds if self.ended else 0.0


class RungSchedule(NamedTuple):
    """The epochs of a table at which trainings are compared, and the rule."""

    settings: SchedulerSettings
    rungs: tuple[int, ...]


def table_problem(
    table: BenchmarkTable,
    sampler: SamplerByNumber,
    *,
    budget: int,
    workers: int,
    schedule: RungSchedule | None = None,
    stop_below: float | None = None,
) -> SearchProblem:
    """Return the problem of a table: its rows are the space, its figures the results of trainings.

    Args:
        table: the benchmark.
        sampler: maps a proposal's number to the sampler that makes it.
        budget: distinct architectures.
        workers: trainings at the same time.
        schedule: stops or pauses trainings at its rungs, which must be epochs of the table.
        stop_below: see ``search.stop_below``; an hour is one of the simulated clock.
    """

    def build(rejections: Rejections, warm_start: WarmStart) -> SamplerByNumber:
        return sampler

    settings, rungs = schedule or (SchedulerSettings(), ())
    return SearchProblem(
        seed=0,
        space=table.space,
        costs=table.costs,
        objectives=table.objectives,
        compared=table.objectives,
        maximised=frozenset({table.maximised_name}),
        accuracy=table.maximised_name,
        cost_objective=table.minimised_name,
        epochs=table.epochs[-1] if table.epochs else 0,
        recipe_id=table.name,
        search=SearchSettings(
            n_trials=budget,
            concurrency=workers,
            finalist_seeds=1,
            noise_candidates=0,
            stop_below=stop_below,
        ),
        sampler_name=table.name,
        build_sampler=build,
        rungs=rungs,
        scheduler=settings,
        answers_repeats=True,
    )


def replay(
    table: BenchmarkTable,
    sampler: SamplerByNumber,
    *,
    budget: int,
    workers: int = 1,
    schedule: RungSchedule | None = None,
    stop_below: float | None = None,
) -> Replay:
    """Search until ``budget`` architectures are evaluated, to the end or up to a rung.

    A foreign sampler that proposes an architecture again is told its result again, once the first
    evaluation has ended; this is no new evaluation. Choices that no row has are a failed trial.

    Args:
        table, sampler, budget, workers, schedule, stop_below: see :func:`table_problem`.
    """
    problem = table_problem(
        table, sampler, budget=budget, workers=workers, schedule=schedule, stop_below=stop_below
    )
    clock = SimulatedClock()
    search = Search(problem, TableRecords(problem), states=SimulatedStates(), clock=clock)
    executor = SimulatedExecutor(search, trajectories(table), workers=workers, clock=clock)
    executor.run()
    trials = search.trials.of(State.COMPLETE, State.PRUNED)
    ended = [
        Ended(
            table.index[trial.architecture],
            executor.arrived[trial.number],
            trial.epochs,
            trial.state == State.COMPLETE,
        )
        for trial in sorted(trials, key=lambda t: (executor.arrived[t.number], t.number))
    ]
    proposals = search.proposals
    return Replay(
        ended,
        proposals.made,
        proposals.processor_seconds,
        search.ended_early,
        search.growth.estimates,
    )


def trajectories(table: BenchmarkTable) -> Callable[[Job], Trajectory]:
    """Return a function that looks up a job's training in a table."""

    def of(job: Job) -> Trajectory:
        row = table.index[job.architecture]
        points = dict(zip(table.epochs, table.curves[row].tolist(), strict=True))
        return Trajectory(float(table.seconds[row]), float(table.maximised[row]), points)

    return of
