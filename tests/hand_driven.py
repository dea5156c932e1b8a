"""Searches that a test drives by hand: it proposes, trains and reports as it likes."""

from __future__ import annotations

from collections.abc import Callable

import optuna

from nas.config.search_config import SearchConfig
from nas.costs.static_costs import StaticCosts
from nas.evaluation.evaluate import EvaluationResult
from nas.latency.cache import LatencyCache
from nas.latency.measurements import Meter
from nas.metrics import METRICS
from nas.samplers.trials import NO_WARM_START, WarmStart
from nas.search.job import Job
from nas.search.loop import Search
from nas.search.problem import SearchProblem, costs_of, problem_of, space_of
from nas.search.proposals import Proposals
from nas.search.training_states import TrainingStates
from nas.search.trial_state import UNFINISHED, State, Trial
from nas.search.trials import Trials
from nas.storage.ledger import Ledger
from nas.storage.ledger_view import SUFFIXES
from nas.workflows.checks import checked_problem
from search_space.architecture import Task
from search_space.cost.latency_record import Latency


def costs_from(config: SearchConfig, task: Task, *, with_memory: bool = False) -> StaticCosts:
    """Return the costs of a configuration's space."""
    return costs_of(config, space_of(config), task, with_memory=with_memory)


def check_search(config: SearchConfig, task: Task) -> SearchProblem:
    """Check that a configuration can be searched, and return its problem."""
    return checked_problem(config, costs_from(config, task))


def problem_from(config: SearchConfig, task: Task) -> SearchProblem:
    """Return the problem of a configuration."""
    return problem_of(config, costs_from(config, task))


def search_of(
    config: SearchConfig,
    ledger: Ledger,
    task: Task,
    *,
    latencies: LatencyCache | None = None,
    warm_start: WarmStart = NO_WARM_START,
    states: TrainingStates | None = None,
) -> Search:
    """Return the search of a configuration, as ``nas search`` makes it."""
    problem = problem_from(config, task)
    return Search(problem, ledger, latencies=latencies, warm_start=warm_start, states=states)


def ledger_in_memory(config: SearchConfig) -> Ledger:
    """Make a ledger in memory, which is faster than a file and the same to a search."""
    storage = optuna.storages.InMemoryStorage()
    for kind, suffix in SUFFIXES.items():
        objectives = config.objectives if kind == "search" else ("val_accuracy",)
        directions = [METRICS[objective].direction for objective in objectives]
        optuna.create_study(study_name=config.name + suffix, storage=storage, directions=directions)
    return Ledger(storage, config.name, "memory")


def drive(
    search: Search,
    outcome: Callable[[Job], EvaluationResult | str],
    *,
    at_once: int = 2,
    meter: Meter | None = None,
    stop_after: int | None = None,
) -> list[Job]:
    """Run a search's jobs: fill the places, end the newest job, repeat until it is finished.

    Args:
        search: the source of jobs.
        outcome: trains a job: a result, or the traceback of what it raised.
        at_once: places.
        meter: measures latencies; nothing may be running then.
        stop_after: return after so many jobs have ended, even if others run.
    """
    running: list[Job] = []
    ended: list[Job] = []
    while not search.finished and len(ended) != stop_after:
        if search.needs_metering and not running:
            assert meter is not None
            search.meter_proposals(meter)
            continue
        while len(running) < at_once and (job := search.next_job()) is not None:
            running.append(job)
        if search.status().phase == "repeats":
            assert not any(job.kind == "search" for job in running)
        assert search.status().running == len(running)
        if not running:
            assert search.finished or search.needs_metering, "no job, and none running"
            continue
        job = running.pop()
        result = outcome(job)
        if isinstance(result, str):
            search.failed(job, result)
        else:
            search.completed(job, result)
        ended.append(job)
    return ended


class HandDriven:
    """The proposals and trials of a ledger, as a new driver sees them."""

    def __init__(
        self,
        config: SearchConfig,
        ledger: Ledger,
        task: Task,
        *,
        warm_start: WarmStart = NO_WARM_START,
    ) -> None:
        self.config = config
        self.problem = problem_from(config, task)
        self.space = self.problem.space
        self.trials = Trials(self.problem, ledger)
        self.proposals = Proposals(self.problem, ledger, self.trials, warm_start=warm_start)
        self.study = self.trials.study
        self.rejections = self.trials.rejections

    @property
    def trained(self) -> int:
        return self.trials.trained

    @property
    def unfinished(self) -> list[Trial]:
        return sorted(self.trials.of(*UNFINISHED))

    @property
    def paused(self) -> list[Trial]:
        return self.trials.of(State.PAUSED)

    def costs(self, architecture: object) -> dict[str, float]:
        return dict(self.problem.costs.of(architecture))

    def may_propose(self) -> bool:
        return self.proposals.may_propose()

    def propose(self) -> Trial:
        return self.proposals.propose()

    def complete(
        self,
        trial: Trial,
        metrics: dict[str, float],
        result: EvaluationResult,
        latency: Latency | None,
    ) -> None:
        self._begin(trial)
        self.trials.complete(trial.number, metrics, result, latency)

    def prune(
        self,
        trial: Trial,
        result: EvaluationResult,
        latency: Latency | None,
        *,
        stopped_at_epoch: int,
    ) -> None:
        self._begin(trial)
        self.trials.prune(trial.number, result, latency, epoch=stopped_at_epoch)

    def fail(self, trial: Trial, error: str) -> None:
        self.trials.fail(trial.number, error)

    def reject(self, trial: Trial, violations: dict[str, float]) -> None:
        self.trials.reject(trial.number, violations)

    def _begin(self, trial: Trial) -> None:
        if self.trials.trial(trial.number).state == State.PROPOSED:
            self.trials.pass_on(trial.number)
            self.trials.start(trial.number)
