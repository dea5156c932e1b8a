"""Trials that a scheduler stops early: their rows in the ledger, and later proposals."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from optuna.trial import TrialState
from ray.tune.experiment import Trial

from nas.cli.progress import describe
from nas.config.search_config import SearchConfig
from nas.evaluation.evaluate import EvaluationResult, Progress
from nas.evaluation.messages import REPORT, Completed, Report, Training
from nas.ray.schedulers import MultiObjectiveASHA, SearchScheduler
from nas.ray.searcher import SearchJobs
from nas.samplers import SAMPLERS
from nas.search.job import Job
from nas.storage.candidates import candidates, pareto_front
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture, Task
from search_space.cost import Costs
from tests.hand_driven import HandDriven, search_of

ConfigOf = Callable[..., SearchConfig]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]
InMemory = Callable[[SearchConfig], Ledger]
Begin = Callable[..., HandDriven]
Finish = Callable[..., None]

ASHA: dict[str, Any] = {
    "scheduler": {"name": "asha", "type": "stopping"},
    "proxy": {"epochs": 9, "batch_size": 16, "learning_rate": 0.1},
}
"""Rungs after 1 and 3 epochs."""


def curve_to(epoch: int, accuracy: float) -> list[dict[str, Any]]:
    return [{"epoch": e, "val_accuracy": accuracy * e / epoch} for e in range(1, epoch + 1)]


def partial(epoch: int, accuracy: float) -> EvaluationResult:
    """Return the result of a training that is stopped after ``epoch``."""
    return EvaluationResult({}, curve_to(epoch, accuracy), 0.5 * epoch, "node 7")


@pytest.mark.parametrize(
    "objectives", [["val_accuracy"], ["val_accuracy", "params"], ["params", "val_accuracy", "macs"]]
)
def test_a_stopped_trial_is_pruned_with_its_curve_and_without_a_value(
    config_of: ConfigOf,
    start: Start,
    propose_from: Begin,
    finish: Finish,
    objectives: list[str],
) -> None:
    config = config_of(**ASHA, objectives=objectives)
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    complete, stopped, running = (proposals.propose() for _ in range(3))
    finish(proposals, complete)
    proposals.prune(stopped, partial(3, 0.9), None, stopped_at_epoch=3)
    assert proposals.trained == 2
    assert proposals.unfinished == [running]

    ledger = Ledger.open(config, run)
    again = propose_from(config, ledger)
    assert (again.trained, again.unfinished) == (2, [running])
    row = ledger.evaluations()[stopped.number]
    assert (row.state, row.metrics, row.stopped_at_epoch) == ("pruned", {}, 3)
    assert (row.curve, row.device_seconds, row.epochs) == (curve_to(3, 0.9), 1.5, 3)
    assert row.architecture == stopped.architecture
    trial = ledger.study("search").trials[stopped.number]
    assert trial.state == TrialState.PRUNED
    assert trial.values is None
    assert trial.intermediate_values == pytest.approx({1: 0.3, 2: 0.6, 3: 0.9})
    assert [c.architecture for c in candidates(ledger.evaluations())] == [complete.architecture]
    assert again.propose().architecture not in {complete.architecture, stopped.architecture}


@pytest.mark.parametrize("objectives", [["val_accuracy"], ["val_accuracy", "params"]])
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_goes_on_after_stopped_trials(
    config_of: ConfigOf,
    in_memory: InMemory,
    propose_from: Begin,
    finish: Finish,
    objectives: list[str],
    name: str,
) -> None:
    options = {
        "tpe": {"n_startup_trials": 3, "n_ei_candidates": 1},
        "nsga2": {"population_size": 3},
    }.get(name, {})
    config = config_of(**ASHA, objectives=objectives, sampler={"name": name, "options": options})
    proposals = propose_from(config, in_memory(config))
    for number in range(8):
        proposal = proposals.propose()
        if number % 3 == 0:
            finish(proposals, proposal)
        else:
            proposals.prune(proposal, partial(1, 0.1 + 0.02 * number), None, stopped_at_epoch=1)
    assert proposals.trained == 8


class Driven:
    """A search with its scheduler, whose trials the test trains point by point."""

    def __init__(self, config: SearchConfig, ledger: Ledger, task: Task) -> None:
        self.config = config
        self.search = search_of(config, ledger, task, latencies=None)
        self.searcher = SearchJobs(self.search, lambda: 100, lambda: 1, lambda: None, lambda: None)
        self.scheduler = SearchScheduler(self.searcher)
        self.count = 0

    def train(self, accuracy: Callable[[Job], float]) -> tuple[Architecture, str, int]:
        """Run the next trial as Tune does; return its architecture, kind and trained epochs."""
        self.count += 1
        trial: Any = type("Trial", (), {"trial_id": f"trial{self.count}", "error_file": None})()
        suggested = self.searcher.suggest(trial.trial_id)
        assert isinstance(suggested, dict), self.searcher.error
        job = self.searcher.running[trial.trial_id].job
        self.scheduler.on_trial_add(None, trial)
        last = accuracy(job)
        epochs = self.config.proxy.epochs
        result: dict[str, Any] = {}
        for epoch in range(1, epochs + 1):
            part = partial(epoch, last * epoch / epochs)
            if epoch == epochs:
                whole = part._replace(metrics={"val_accuracy": last})
                result = {"done": True, REPORT: Report(Completed(whole), part.worker)}
                break
            progress = Progress(
                epoch, epochs, last * epoch / epochs, part.curve, part.device_seconds
            )
            result = {"done": False, REPORT: Report(Training(progress), part.worker)}
            if self.scheduler.on_trial_result(None, trial, result) == "STOP":
                break
        self.scheduler.on_trial_complete(None, trial, result)
        self.searcher.on_trial_complete(trial.trial_id, result)
        assert self.searcher.error is None
        return job.architecture, job.kind, epoch


@pytest.fixture
def drive(task: Task) -> Callable[[SearchConfig, Ledger], Driven]:
    return lambda config, ledger: Driven(config, ledger, task)


@pytest.mark.parametrize("objectives", [["val_accuracy"], ["val_accuracy", "params"]])
def test_a_search_stops_what_lags_and_resumes_with_its_rungs(
    config_of: ConfigOf,
    start: Start,
    in_memory: InMemory,
    drive: Callable[[SearchConfig, Ledger], Driven],
    accuracy: Callable[..., float],
    objectives: list[str],
) -> None:
    """A search that is interrupted after half stops the same trials as one that is not."""
    search = {"n_trials": 12, "finalist_seeds": 2, "concurrency": 1, "deterministic": True}
    settings = {**ASHA, "objectives": objectives, "sampler": {"name": "random"}, "search": search}

    def accuracy_of(job: Job) -> float:
        return accuracy(job.architecture, job.seed)

    whole = config_of(name="whole", **settings)
    uninterrupted = drive(whole, in_memory(whole))
    expected = [uninterrupted.train(accuracy_of) for _ in range(12)]
    epochs = [trained for _, _, trained in expected]
    assert set(epochs) == {1, 3, 9}  # stopped at either rung, or not at all

    config = config_of(name="stopped", **settings)
    run, ledger = start(config)
    first = drive(config, ledger)
    again = [first.train(accuracy_of) for _ in range(6)]
    second = drive(config, Ledger.open(config, run))
    assert second.search.status().stopped_early == sum(e < 9 for e in epochs[:6])
    again += [second.train(accuracy_of) for _ in range(6)]
    assert again == expected

    status = second.search.status()
    assert (status.trained, status.phase) == (12, "repeats")
    assert status.stopped_early == sum(e < 9 for e in epochs)
    assert status.device_hours * 3600 == pytest.approx(0.5 * sum(epochs))
    assert f"{status.stopped_early} stopped early" in describe(status)


def test_repeats_of_finalists_are_never_stopped_and_are_of_complete_trials(
    config_of: ConfigOf, in_memory: InMemory, drive: Callable[[SearchConfig, Ledger], Driven]
) -> None:
    config = config_of(**ASHA, search={"n_trials": 8, "finalist_seeds": 3, "noise_candidates": 8})
    ledger = in_memory(config)
    driven = drive(config, ledger)
    calls = iter([0.9, *[0.5] * 7])
    trained = [driven.train(lambda job: next(calls)) for _ in range(8)]
    assert {epochs for _, _, epochs in trained} > {9}
    while not driven.search.finished:
        _, kind, epochs = driven.train(lambda job: 0.01)  # the worst at every rung
        assert (kind, epochs) == ("repeats", 9)
    rows = ledger.evaluations()
    complete = {row.architecture for row in rows if row.state == "complete"}
    assert {row.architecture for row in ledger.evaluations("repeats")} == complete
    front = pareto_front(driven.search.candidates(), config.objectives)
    assert {member.architecture for member in front} <= complete


def test_rungs_weigh_accuracy_there_against_exact_costs(
    config_of: ConfigOf,
    in_memory: InMemory,
    drive: Callable[[SearchConfig, Ledger], Driven],
    costs: Callable[[Architecture], Costs],
) -> None:
    """With equal accuracies, only a trial with fewer parameters than all before it continues."""
    config = config_of(
        **ASHA, sampler={"name": "random"}, search={"n_trials": 3, "finalist_seeds": 1}
    )
    driven = drive(config, in_memory(config))
    seen: list[int] = []
    for _ in range(3):  # of three trials at a rung, one goes on
        architecture, _, epochs = driven.train(lambda job: 0.5)
        params = costs(architecture).params
        assert (epochs > 1) == all(params < other for other in seen)
        seen.append(params)
    assert len(set(seen)) == 3


@pytest.mark.parametrize("objectives", [["val_accuracy"], ["val_accuracy", "params"]])
def test_evenly_spaced_rungs_stop_few_at_each(
    config_of: ConfigOf,
    in_memory: InMemory,
    drive: Callable[[SearchConfig, Ledger], Driven],
    objectives: list[str],
) -> None:
    """Two of three continue every third epoch, with one objective too (Ray's ASHA cannot)."""
    scheduler = {"name": "asha", "spacing": "even", "min_epochs": 3, "reduction_factor": 1.5}
    config = config_of(
        **ASHA | {"scheduler": scheduler},
        objectives=objectives,
        sampler={"name": "random"},
        search={"n_trials": 12, "finalist_seeds": 1},
    )
    driven = drive(config, in_memory(config))
    trained = [driven.train(lambda job: 0.5) for _ in range(12)]
    stops = [epochs for _, _, epochs in trained]
    assert set(stops) <= {3, 6, 9}
    assert stops[:2] == [9, 9]
    if len(objectives) == 1:  # all are as good, so the first are the better ones
        assert stops[2:] == [3] * 10
    else:
        assert set(stops) == {3, 6, 9}


def test_the_scheduler_serves_any_tune_run() -> None:
    scheduler = MultiObjectiveASHA(
        {"accuracy": "max", "size": "min"}, rungs=[2], reduction_factor=2, time_attr="steps"
    )

    def decided(name: str, **result: float) -> str:
        trial: Any = type("Trial", (), {"trial_id": name})()
        return scheduler.on_trial_result(None, trial, result)

    assert decided("a", steps=2, accuracy=0.5, size=10) == "CONTINUE"
    assert decided("b", steps=1, accuracy=0.4, size=11) == "CONTINUE"
    assert decided("b", steps=2, accuracy=0.4, size=11) == "STOP"
    assert decided("c", steps=2, accuracy=0.6, size=11) == "CONTINUE"
    assert decided("d", steps=2, accuracy=0.1) == "CONTINUE"
    assert decided("e", steps=2, accuracy=float("nan"), size=99) == "CONTINUE"
    # the third of the four that could be compared; of six it would go on
    assert decided("f", steps=2, accuracy=0.45, size=10.5) == "STOP"
    with pytest.raises(ValueError, match="each min or max, got"):
        MultiObjectiveASHA({"accuracy": "most"}, rungs=[2], reduction_factor=2)  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"proxy": {"epochs": 1}}, "a rung before the proxy's last epoch"),
        (
            {"scheduler": {"name": "asha", "type": "stopping", "min_epochs": 9}},
            "got first rung 9, proxy.epochs=9",
        ),
        (
            {
                "proxy": {"evaluate_every_epochs": 2},
                "scheduler": {"name": "asha", "type": "stopping", "min_epochs": 1},
            },
            r"evaluates \(proxy.evaluate_every_epochs=2\), got rungs 1, 3",
        ),
        (
            {"objectives": ["params", "macs"]},
            r"must have val_accuracy or .*, got \['params', 'macs'\]",
        ),
        ({"search": {"deterministic": True, "concurrency": 2}}, "set search.concurrency=1"),
        (
            {"scheduler": {"name": "asha", "type": "stopping", "reduction_factor": 1}},
            "scheduler.reduction_factor",
        ),
        (
            {"scheduler": {"name": "asha", "reduction_factor": 1.5}},
            "scheduler: .*whole number where rungs are multiples of it",
        ),
        ({"scheduler": {"name": "asha", "spacing": "odd"}}, "scheduler.spacing"),
        (
            {
                "scheduler": {"name": "asha", "type": "rung_by_rung"},
                "sampler": {"name": "pareto_local_search"},
            },
            "one of default, random, grid: 'pareto_local_search' would propose at random",
        ),
        ({"scheduler": {"name": "hyperband"}}, "scheduler.name"),
        ({"scheduler": {"name": "asha", "type": "halting"}}, "scheduler.type"),
    ],
)
def test_a_scheduler_that_cannot_work_is_refused(
    config_of: ConfigOf, changes: dict[str, Any], said: str
) -> None:
    changes = ASHA | changes | {"proxy": ASHA["proxy"] | changes.get("proxy", {})}
    with pytest.raises(ValueError, match=said):
        config_of(**changes)


def test_a_free_worker_takes_the_newest_trial(
    config_of: ConfigOf, in_memory: InMemory, drive: Callable[[SearchConfig, Ledger], Driven]
) -> None:
    """The trial before it waits for the worker that it has asked for, which is starting."""
    config = config_of()
    scheduler = drive(config, in_memory(config)).scheduler
    states = [Trial.TERMINATED, Trial.RUNNING, Trial.PENDING, Trial.PENDING, Trial.RUNNING]
    trials = [Trial("nothing", trial_id=f"trial{n}", stub=True) for n in range(len(states))]
    for trial, state in zip(trials, states, strict=True):
        trial.set_status(state)
    controller: Any = SimpleNamespace(
        get_trials=lambda: trials, get_live_trials=lambda: set(trials[1:])
    )
    assert scheduler.choose_trial_to_run(controller) is trials[3]
    trials[3].set_status(Trial.RUNNING)
    assert scheduler.choose_trial_to_run(controller) is trials[2]
    trials[2].set_status(Trial.RUNNING)
    assert scheduler.choose_trial_to_run(controller) is None
