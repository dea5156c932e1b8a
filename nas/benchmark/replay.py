"""Replaying one search on a table: the search of ``nas search``, its trainings looked up."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nas.benchmark.simulated_executor import SimulatedExecutor, SimulatedStates, Trajectory
from nas.benchmark.table import BenchmarkTable
from nas.benchmark.table_records import TableRecords
from nas.config.sections import SchedulerSettings, SearchSettings
from nas.costs.limits import Rejections
from nas.samplers.trials import WarmStart
from nas.search.job import Job
from nas.search.loop import Search
from nas.search.problem import SamplerByNumber, SearchProblem
from nas.search.trial_state import State


class Ended(NamedTuple):
    """An architecture's evaluation, when it was last trained."""

    row: int  # of the table
    seconds: float  # of simulated time, since the search began
    epochs: int  # trained in all; 0 where the table has none
    is_complete: bool  # not ended at a rung


class Replay(NamedTuple):
    """The course of one replay."""

    ended: list[Ended]  # each architecture once, in order of time
    proposals: int  # repeated ones included
    proposal_seconds: float  # of processor time, all together
    ended_early: str  # why the budget was not used; empty if it was

    @property
    def seconds(self) -> float:
        """Simulated time from the start to the last end."""
        return self.ended[-1].seconds if self.ended else 0.0


class RungSchedule(NamedTuple):
    """At which epochs of a table trainings are compared, and by what rule."""

    settings: SchedulerSettings
    rungs: tuple[int, ...]


def table_problem(
    table: BenchmarkTable,
    sampler: SamplerByNumber,
    *,
    budget: int,
    workers: int,
    schedule: RungSchedule | None = None,
) -> SearchProblem:
    """The problem that a table poses: its rows are the space, its figures what training gives.

    Args:
        table: the benchmark.
        sampler: from a proposal's number to the sampler that makes it.
        budget: distinct architectures.
        workers: trainings at once.
        schedule: stops or pauses trainings at its rungs, each of which must be among the table's
            epochs.
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
            n_trials=budget, concurrency=workers, finalist_seeds=1, noise_candidates=0
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
) -> Replay:
    """Search until ``budget`` architectures are evaluated, in full or as far as a rule lets.

    An architecture that a foreign sampler proposed before is answered from the table again, when
    its first evaluation has ended, and is no new evaluation; choices that no row has are a failed
    trial.

    Args:
        table, sampler, budget, workers, schedule: see :func:`table_problem`.
    """
    problem = table_problem(table, sampler, budget=budget, workers=workers, schedule=schedule)
    search = Search(problem, TableRecords(problem), states=SimulatedStates())
    executor = SimulatedExecutor(search, trajectories(table), workers=workers)
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
    return Replay(ended, proposals.made, proposals.processor_seconds, search.ended_early)


def trajectories(table: BenchmarkTable) -> Callable[[Job], Trajectory]:
    """A table's figures of each training."""

    def of(job: Job) -> Trajectory:
        row = table.index[job.architecture]
        points = dict(zip(table.epochs, table.curves[row].tolist(), strict=True))
        return Trajectory(float(table.seconds[row]), float(table.maximised[row]), points)

    return of
