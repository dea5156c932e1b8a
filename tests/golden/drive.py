"""Runs scenarios and records them. The only file here that knows the search's interfaces.

A search runs in this process: :class:`_Executor` does for its jobs what Ray Tune and the workers do
(:mod:`nas.ray`), on a simulated clock. :func:`ray_record` runs the same scenario on real Ray.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import moocore
import numpy as np
import torch
from optuna.trial import FrozenTrial

from nas.benchmark import replay as replays
from nas.benchmark.specs import build_schedule, parse_spec, sampler_of
from nas.benchmark.table import BenchmarkTable
from nas.benchmark.tabulation_reader import read_tabulated
from nas.cli.commands.tools.benchmark_source import SHIPPED
from nas.config.search_config import SearchConfig
from nas.config.sections import RaySettings, ResourceSettings
from nas.errors import NothingFits, TooManyFailures
from nas.evaluation.evaluate import EvaluationResult, Paused, Progress
from nas.evaluation.messages import TrialRequest
from nas.latency.cache import LatencyCache
from nas.latency.measurements import all_candidates, by_latency_limit, measure_front_again
from nas.ray.cluster.connection import Cluster
from nas.ray.executor import run_search
from nas.ray.trainable import TrainingTrainable
from nas.samplers.trials import NO_WARM_START, CompletedTrial, WarmStart
from nas.schedulers.protocol import RungRule
from nas.search.job import Job
from nas.search.loop import Search
from nas.search.problem import SearchProblem
from nas.search.warm_start import collect_warm_start
from nas.storage.candidates import pareto_front
from nas.storage.ledger import Ledger
from nas.storage.networks.checkpoints import PausedStates
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import proxy_assignment
from search_space.architecture import Architecture, Task
from search_space.cost.latency_record import Latency
from search_space.yaml_validation import read_yaml, validate
from tests.hand_driven import ledger_in_memory, problem_from
from trainers.checkpoints.checkpoint import checkpoint_bytes, read_checkpoint

from . import formulas
from .replays import ReplayScenario
from .searches import BASE, SearchScenario

Record = dict[str, Any]
"""Plain data: see :func:`replay_record` and :func:`search_record`."""

TASKS = {
    "digits": Task(dataset="digits", input_shape=(1, 8, 8), classes=10),
    "cifar100": Task(dataset="cifar100", input_shape=(3, 32, 32), classes=100),
}

TOLD_FIRST = (3, 200, 301)
"""Architectures of the space, by number, that a search with ``warm_start`` "told" begins with."""

TOLD_EARLIER = range(7, 384, 47)
"""Those whose results it is told."""


# --- replays ------------------------------------------------------------------------------------


def replay_record(scenario: ReplayScenario) -> Record:
    """Replay on the table that ships.

    Returns:
        ``proposals``: an ``arch_id`` each (null: its choices are no row), in order;
        ``decisions``: what became of each training at each rung, in order; ``ended``: ``arch_id``,
        simulated seconds, epochs and whether complete, in order; ``front``: ``arch_id`` of the
        complete ones that no other dominates; ``ended_early``: why the budget was not used.
    """
    table = _table(scenario.minimise)
    searches: list[Search] = []
    decisions: list[str] = []

    class NotedSearch(Search):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            searches.append(self)
            self._rungs._rule = _NotedRule(self._rungs._rule, self, decisions)

    with patch.object(replays, "Search", NotedSearch):
        done = replays.replay(
            table,
            sampler_of(parse_spec(scenario.sampler), table, seed=scenario.seed),
            budget=scenario.budget,
            workers=scenario.workers,
            schedule=build_schedule(parse_spec(scenario.scheduler), table),
        )
    (search,) = searches
    proposed = [trial for trial in search.records.trials() if trial.params]
    assert done.proposals == len(proposed)
    complete = np.array([ended.row for ended in done.ended if ended.is_complete])
    front = complete[moocore.is_nondominated(table.losses[complete])]
    return {
        "proposals": [_proposed(table, trial) for trial in proposed],
        "decisions": decisions,
        "ended": [
            [_arch_id(table, ended.row), ended.seconds, ended.epochs, ended.is_complete]
            for ended in done.ended
        ],
        "front": [_arch_id(table, row) for row in front],
        "ended_early": done.ended_early,
    }


def _proposed(table: BenchmarkTable, trial: FrozenTrial) -> str | None:
    try:
        return str(table.space.from_params(trial.params).arch_id)
    except ValueError:
        return None


class _NotedRule:
    """A rule of which it is noted what it decides."""

    def __init__(self, rule: RungRule, search: Search, noted: list[str]) -> None:
        self._rule, self._search, self._noted = rule, search, noted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rule, name)

    def report(self, number: int, epoch: int, losses: Any) -> Any:
        decision = self._rule.report(number, epoch, losses)
        arch_id = self._search.trials.trial(number).architecture.arch_id
        said = f"pauses at {epoch}" if decision == "pause" else f"at {epoch}: {decision}"
        self._noted.append(f"{arch_id} {said}")
        return decision

    def promote(self, number: int) -> None:
        arch_id = self._search.trials.trial(number).architecture.arch_id
        self._noted.append(f"{arch_id} goes on")
        self._rule.promote(number)


@cache
def _table(minimise: str) -> BenchmarkTable:
    return read_tabulated(SHIPPED, minimise=minimise)


def _arch_id(table: BenchmarkTable, row: int) -> str:
    architecture = table.rows[row]
    assert isinstance(architecture, Architecture)
    return architecture.arch_id


# --- searches -----------------------------------------------------------------------------------


def search_record(scenario: SearchScenario, folder: Path) -> Record:
    """Run a search to its end, through all of its interruptions.

    Args:
        scenario: what to run.
        folder: for the run's files, its ledger among them if the scenario says so.

    Returns:
        ``events``: what its jobs did, in order of the simulated clock; ``search`` and ``repeats``:
        the rows of the ledger; ``rejections``; ``front``: ``arch_id`` and n of its members;
        ``raised``: the name of what ended it before it was finished, or nothing.
    """
    events: list[str] = []
    raised = ""
    run: RunFolder | None = None
    for most_ends in (*scenario.interruptions, None):
        search, run = _begin(scenario, folder, run)
        executor = _Executor(search, scenario, events)
        try:
            executor.run(most_ends)
        except (NothingFits, TooManyFailures) as error:
            raised = type(error).__name__
        if most_ends is not None:
            assert not search.finished, "a search that is to be interrupted must not have ended"
            events.append("the driver dies")
            search.records.close()
    record = _record(search, scenario) | {"events": events, "raised": raised}
    search.records.close()
    return record


def ray_record(scenario: SearchScenario, folder: Path) -> Record:
    """The same on real Ray, which must be connected, but without ``events``."""
    assert not scenario.interruptions
    search, _ = _begin(scenario, folder, None)
    config = _config(scenario)
    assert not config.uses_latency, "only real networks can be measured there"
    run_search(
        search,
        proxy_assignment(config, TASKS[scenario.dataset]),
        ResourceSettings(),
        cluster=Cluster(RaySettings()),
        concurrency=scenario.workers,
        on_change=lambda: None,
        trainable=_FailingTrainable if scenario.fails else _FormulaTrainable,
    )
    record = _record(search, scenario) | {"raised": ""}
    search.records.close()
    return record


def _begin(
    scenario: SearchScenario, folder: Path, run: RunFolder | None
) -> tuple[Search, RunFolder]:
    """A driver of a new run, or of one whose driver died."""
    config, task = _config(scenario), TASKS[scenario.dataset]
    if run is not None:
        ledger = Ledger.resume(config, run)
    elif scenario.on_disk:
        run = RunFolder.create(folder, config)
        ledger = Ledger.create(config, run)
    else:
        run = RunFolder(folder)
        ledger = ledger_in_memory(config)
    latencies = None
    if config.uses_latency:
        latencies = LatencyCache(run.latency_file, task, config.latency)
    problem = problem_from(config, task)
    search = Search(
        problem,
        ledger,
        latencies=latencies,
        warm_start=_warm_start(scenario, config, task, problem, folder),
        states=PausedStates(run.paused_folder),
    )
    return search, run


def _config(scenario: SearchScenario) -> SearchConfig:
    settings = BASE | dict(scenario.settings)
    if isinstance(settings["space"], Path):
        settings["space"] = read_yaml(settings["space"])
    return validate(SearchConfig, settings, scenario.name)


def _warm_start(
    scenario: SearchScenario,
    config: SearchConfig,
    task: Task,
    problem: SearchProblem,
    runs: Path,
) -> WarmStart:
    if scenario.warm_start == "papers":
        warm_start = collect_warm_start(config, task, problem, runs)
        assert warm_start.first
        return warm_start
    if scenario.warm_start != "told":
        return NO_WARM_START
    assert config.objectives == ("val_accuracy", "params")
    costs = problem.costs
    architectures = list(problem.space.architectures())
    earlier = []
    for architecture in (architectures[number] for number in TOLD_EARLIER):
        *_, last = _training(str(architecture), config.seed, config.proxy.epochs)
        curve = {point["epoch"]: -point["val_accuracy"] for point in last.curve}
        params = costs.of(architecture)["params"]
        earlier.append(CompletedTrial(architecture, (-last.metrics["val_accuracy"], params), curve))
    return WarmStart(tuple(architectures[number] for number in TOLD_FIRST), tuple(earlier))


def _record(search: Search, scenario: SearchScenario) -> Record:
    config, ledger = _config(scenario), search.records
    assert isinstance(ledger, Ledger)
    rows = []
    for row in ledger.evaluations("search"):
        fields: Record = {"arch": row.arch_id, "state": row.state}
        if row.metrics:
            fields["values"] = [row.metrics[objective] for objective in config.objectives]
        if row.curve:
            evaluated = [p["epoch"] for p in row.curve if p["val_accuracy"] is not None]
            fields["epochs"] = evaluated
        if row.stopped_at_epoch is not None:
            fields["stopped"] = row.stopped_at_epoch
        if row.violation:
            fields["violation"] = dict(row.violation)
        rows.append({"number": row.number, **fields})
    record: Record = {
        "search": rows,
        "repeats": [
            [row.arch_id, row.seed, row.metrics.get("val_accuracy", row.state)]
            for row in ledger.evaluations("repeats")
        ],
        "rejections": ledger.rejections().to_json(),
    }
    candidates = search.candidates()
    if config.uses_latency:
        meter = _Meter(config, TASKS[scenario.dataset], fails=False)
        measure_front_again(config, ledger, meter, lambda number: None)
        candidates, over = by_latency_limit(config, all_candidates(config, ledger))
        record["over_the_limit_again"] = [member.arch_id for member in over]
    front = pareto_front(candidates, ["val_accuracy", config.cost_objective])
    return record | {"front": [[member.arch_id, member.n] for member in front]}


# --- trainings ----------------------------------------------------------------------------------


class _Diverged(RuntimeError):
    """An invented training's failure."""


def _training(
    text: str,
    seed: int,
    epochs: int,
    *,
    every: int = 1,
    begin: int = 0,
    pause_at: int | None = None,
    fails: bool = False,
) -> Iterator[Any]:
    """Yield an invented training, point by point, as ``evaluate`` yields a real one."""
    failing = formulas.failing_epoch(text, seed, epochs) if fails else None
    for epoch in range(begin + 1, epochs + 1):
        if epoch == failing:
            raise _Diverged(f"epoch {epoch}")
        if epoch % every and epoch != epochs:
            continue
        curve = [
            {
                "epoch": before,
                "val_accuracy": None
                if before % every and before != epochs
                else formulas.accuracy(text, seed, before),
            }
            for before in range(1, epoch + 1)
        ]
        last, seconds = curve[-1]["val_accuracy"], epoch * formulas.ticks(text) / 1_000
        assert last is not None
        progress = Progress(epoch, epochs, last, curve, seconds)
        if epoch == epochs:
            yield EvaluationResult({"val_accuracy": last}, curve, seconds)
        elif epoch == pause_at:
            yield Paused(progress, {"epoch": epoch})
            return
        else:
            yield progress


class _FormulaTrainable(TrainingTrainable):
    """A worker on Ray that trains by the formulas."""

    fails = False

    def evaluation(self, request: TrialRequest) -> Iterator[Any]:
        recipe = self.assignment.recipe
        state = self._received_state(request.number) if request.resumes else {"epoch": 0}
        return _training(
            str(Architecture.from_json(request.architecture)),
            request.seed,
            recipe.epochs,
            every=recipe.evaluate_every_epochs,
            begin=state["epoch"],
            pause_at=request.pause_at,
            fails=self.fails,
        )


class _FailingTrainable(_FormulaTrainable):
    fails = True


class _Meter:
    """Measures latencies by the formula."""

    def __init__(self, config: SearchConfig, task: Task, *, fails: bool) -> None:
        self._config, self._task, self._fails = config, task, fails

    def __call__(self, architectures: Any) -> list[Latency | str]:
        return [self._of(str(architecture)) for architecture in architectures]

    def _of(self, text: str) -> Latency | str:
        if self._fails and formulas.cannot_be_measured(text):
            return "RuntimeError: it cannot be measured"
        settings = self._config.latency
        return Latency(
            latency_ms=formulas.latency_ms(text),
            spread_ms=0.0,
            repeats=settings.repeats,
            device="an invented device",
            dtype=settings.dtype,
            batch_size=settings.batch_size,
            threads=settings.threads,
            input_shape=self._task.input_shape,
            torch_version=torch.__version__,
            backend="eager",
        )


class _Running(NamedTuple):
    """A job on a worker."""

    job: Job
    steps: Iterator[Any]

    @property
    def name(self) -> str:
        """As events call it."""
        if self.job.kind == "repeats":
            return f"repeat {self.job.architecture.arch_id} seed {self.job.seed}"
        return str(self.job.number)


class _Executor:
    """Runs a search's jobs on a simulated clock, as Ray does it with as many workers."""

    def __init__(self, search: Search, scenario: SearchScenario, events: list[str]) -> None:
        self.search = search
        self.scenario = scenario
        self.events = events
        self.now = 0
        self.begun = 0
        self.ends_left: int | None = None
        # a heap: time, order of beginning, job, what it finds then
        self.arriving: list[tuple[int, int, _Running, Any]] = []

    def run(self, most_ends: int | None) -> None:
        """To the end of the search, or until so many jobs have ended or paused."""
        self.ends_left = most_ends
        task = TASKS[self.scenario.dataset]
        meter = _Meter(_config(self.scenario), task, fails=self.scenario.meter_fails)
        while not self.search.finished and self.ends_left != 0:
            if self.search.needs_metering:
                self.events.append("latencies are measured")
                self.search.meter_proposals(meter)
            else:
                self._run_jobs()

    def _run_jobs(self) -> None:
        """One run of Tune: until there are no more jobs, or proposals need to be measured."""
        while True:
            while len(self.arriving) < self.scenario.workers and self._begin_job():
                pass
            if not self.arriving:
                break
            self.now, order, running, event = heapq.heappop(self.arriving)
            if self._arrive(order, running, event) and self.ends_left is not None:
                self.ends_left -= 1
                if self.ends_left == 0:
                    return

    def _begin_job(self) -> bool:
        if self.search.finished or (self.search.needs_metering and not self.arriving):
            return False
        job = self.search.next_job()
        if job is None:
            return False
        config, begin = _config(self.scenario), 0
        if job.resumes:
            begin = read_checkpoint(self.search.state_of(job), "of the scenario")["epoch"]
        steps = _training(
            str(job.architecture),
            job.seed,
            config.proxy.epochs,
            every=config.proxy.evaluate_every_epochs,
            begin=begin,
            pause_at=job.pause_at,
            fails=self.scenario.fails,
        )
        running = _Running(job, steps)
        since = f" from {begin}" if begin else ""
        until = f" to {job.pause_at}" if job.pause_at else ""
        self.events.append(f"{running.name} begins{since}{until}")
        self.begun += 1
        self._go_on(self.begun, running, begin)
        return True

    def _go_on(self, order: int, running: _Running, epoch: int) -> None:
        """Train from an epoch on to the next event, which is handed back at its time."""
        ticks = formulas.ticks(str(running.job.architecture))
        event: Any
        try:
            event = next(running.steps)
        except _Diverged as error:
            event, until = error, epoch + 1
        else:
            progress = event.progress if isinstance(event, Paused) else event
            until = progress.curve[-1]["epoch"]
        heapq.heappush(self.arriving, (self.now + (until - epoch) * ticks, order, running, event))

    def _arrive(self, order: int, running: _Running, event: Any) -> bool:
        """Hand a job's event to the search; whether the job ended or paused."""
        job, name = running.job, running.name
        if isinstance(event, _Diverged):
            self.events.append(f"{name} fails")
            self.search.failed(job, f"Diverged: {event}")
        elif isinstance(event, EvaluationResult):
            self.events.append(f"{name} ends")
            self.search.completed(job, event)
        elif isinstance(event, Paused):
            progress = event.progress
            self.events.append(f"{name} pauses at {progress.epoch}")
            result = EvaluationResult({}, progress.curve, progress.device_seconds)
            state = checkpoint_bytes(event.state)
            self.search.paused(job, result, epoch=progress.epoch, state=state)
        else:
            assert isinstance(event, Progress)
            if not self._stops(running, event):
                self._go_on(order, running, event.epoch)
                return False
            result = EvaluationResult({}, event.curve, event.device_seconds)
            self.search.stopped(job, result, epoch=event.epoch)
        return True

    def _stops(self, running: _Running, progress: Progress) -> bool:
        """Report a point of a trial's curve; whether the search stops the trial there."""
        stops = self.search.reported(running.job, progress.epoch, progress.val_accuracy) == "stop"
        problem = self.search.problem
        is_judged = running.job.kind == "search" and progress.epoch in problem.rungs
        if is_judged and not problem.pauses:
            does = "stops" if stops else "continues"
            self.events.append(f"{running.name} {does} at {progress.epoch}")
        return stops
