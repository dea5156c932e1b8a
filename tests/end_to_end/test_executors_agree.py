"""Ray and a table on a simulated clock run the same search: the same seeds, the same decisions.

Ray's workers look their accuracies up in the table that ships.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nas.benchmark.simulated_executor import SimulatedExecutor, SimulatedStates
from nas.benchmark.table_records import TableRecords
from nas.config.search_config import SearchConfig
from nas.config.sections import RaySettings, ResourceSettings
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.time_parts import NO_SECONDS
from nas.ray.cluster.connection import Cluster, connected
from nas.ray.executor import run_search
from nas.schedulers.protocol import Decision
from nas.search.job import Job
from nas.search.loop import Search
from nas.search.trial_state import State
from nas.storage.candidates import pareto_front
from nas.storage.ledger import Ledger
from nas.storage.networks.checkpoints import PausedStates
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import load_task, proxy_assignment
from search_space.yaml_validation import read_yaml, validate
from tests.end_to_end.table_trainings import TableTrainable, table, trajectory
from tests.hand_driven import problem_from

ROOT = Path(__file__).parents[2]

Event = tuple[Any, ...]

RULES: dict[str, dict[str, Any]] = {
    "none": {},
    "stopping": {"name": "asha", "reduction_factor": 2},
    "stopping evenly": {
        "name": "asha",
        "spacing": "even",
        "min_epochs": 2,
        "reduction_factor": 1.5,
    },
    "promotion": {"name": "asha", "type": "promotion", "reduction_factor": 2},
    "rung_by_rung": {"name": "asha", "type": "rung_by_rung", "reduction_factor": 2},
}


def config_of(rule: str, *, workers: int, deterministic: bool, one_objective: bool) -> SearchConfig:
    recipe = {"epochs": table().epochs[-1], "batch_size": 32, "learning_rate": 0.1}
    recipe |= {"evaluate_every_epochs": table().epochs[0]}
    space = read_yaml(ROOT / "configs" / "spaces" / "digits_tabular.yaml")
    settings = {
        "name": "agree",
        "seed": 5,
        "space": space,
        "data": {"name": "digits", "train_images": 100, "validation_images": 100},
        "objectives": ["val_accuracy"] if one_objective else ["val_accuracy", "params"],
        "limits": {"params": 12_000},
        "sampler": {"name": "default", "options": {"initial_trials": 6}},
        "search": {
            "n_trials": 16,
            "finalist_seeds": 3,
            "noise_candidates": 2,
            "concurrency": workers,
            "deterministic": deterministic,
        },
        "scheduler": RULES[rule],
        "proxy": recipe,
        "retrain": recipe,
    }
    return validate(SearchConfig, settings, "the test")


class NotedSearch(Search):
    """A search of which it is noted, in order, what was asked and told, and what it decided."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.events: list[Event] = []

    def next_job(self) -> Job | None:
        job = super().next_job()
        if job is not None:
            self.events.append(("begins", job))
        return job

    def reported(self, job: Job, epoch: int, accuracy: float) -> Decision:
        decision = super().reported(job, epoch, accuracy)
        if job.kind == "search" and epoch in self.problem.rungs and job.pause_at is None:
            self.events.append(("at a rung", job, epoch, decision))
        return decision

    def paused(self, job: Job, result: EvaluationResult, **when: Any) -> None:
        super().paused(job, result, **when)
        self.events.append(("pauses", job, when["epoch"]))

    def stopped(self, job: Job, result: EvaluationResult, **when: Any) -> None:
        super().stopped(job, result, **when)
        self.events.append(("stops", job, when["epoch"]))

    def completed(self, job: Job, result: EvaluationResult) -> None:
        super().completed(job, result)
        self.events.append(("ends", job))

    def failed(self, job: Job, error: str, seconds: Mapping[str, float] = NO_SECONDS) -> None:
        super().failed(job, error, seconds)
        self.events.append(("fails", job))


@pytest.fixture(scope="module")
def _on_ray() -> Iterator[None]:
    with connected(RaySettings(), modules=str(Path(__file__).parent)):  # for the trainable
        yield


def on_ray(config: SearchConfig, folder: Path) -> NotedSearch:
    task = load_task(config)
    run = RunFolder.create(folder, config)
    search = NotedSearch(
        problem_from(config, task),
        Ledger.create(config, run),
        states=PausedStates(run.paused_folder),
    )
    assert config.search.concurrency is not None
    run_search(
        search,
        proxy_assignment(config, task),
        ResourceSettings(cpus_per_trial=0.25),
        cluster=Cluster(RaySettings()),
        concurrency=config.search.concurrency,
        on_change=lambda: None,
        trainable=TableTrainable,
    )
    return search


def in_memory(config: SearchConfig) -> NotedSearch:
    problem = problem_from(config, load_task(config))
    return NotedSearch(problem, TableRecords(problem), states=SimulatedStates())


def on_the_clock(config: SearchConfig) -> NotedSearch:
    search = in_memory(config)
    assert config.search.concurrency is not None
    executor = SimulatedExecutor(
        search,
        lambda job: trajectory(job.architecture, job.seed),
        workers=config.search.concurrency,
    )
    executor.run()
    return search


def outcome(search: Search) -> dict[str, Any]:
    """Return what a search decided and found, whatever the order in which its trainings ended."""
    rows = search.records.evaluations("search")
    assert {row.state for row in rows} <= {"complete", "pruned", "fail"}
    shown = [search.problem.accuracy, search.problem.cost_objective]
    return {
        "trials": [
            (row.number, row.arch_id, row.state, row.metrics, row.epochs, row.stopped_at_epoch)
            for row in rows
        ],
        "repeats": sorted(
            (row.arch_id, row.seed, row.metrics.get("val_accuracy", row.state))
            for row in search.records.evaluations("repeats")
        ),
        "front": sorted((c.arch_id, c.n) for c in pareto_front(search.candidates(), shown)),
        "rejections": search.trials.rejections.to_json(),
    }


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("_on_ray")
@pytest.mark.parametrize("rule", ["none", "rung_by_rung"])
def test_deterministic_searches_on_four_workers_agree(rule: str, tmp_path: Path) -> None:
    config = config_of(rule, workers=4, deterministic=True, one_objective=False)
    here, there = on_the_clock(config), on_ray(config, tmp_path)
    assert outcome(there) == outcome(here)
    states = [trial.state for trial in here.trials.of(*State)]
    assert State.FAILED in states
    assert (State.PRUNED in states) == (rule != "none")
    assert here.records.evaluations("repeats")
    assert here.trials.rejections.to_json()["params"]["count"] > 0


@pytest.mark.ray
@pytest.mark.usefixtures("_on_ray")
@pytest.mark.parametrize(
    ("rule", "one_objective"),
    [
        pytest.param("stopping", False),
        pytest.param("stopping", True, marks=pytest.mark.slow),
        pytest.param("stopping evenly", False, marks=pytest.mark.slow),
        pytest.param("promotion", False, marks=pytest.mark.slow),
        pytest.param("promotion", True, marks=pytest.mark.slow),
        pytest.param("rung_by_rung", True, marks=pytest.mark.slow),
    ],
)
def test_asynchronous_searches_on_one_worker_agree_step_by_step(
    rule: str, one_objective: bool, tmp_path: Path
) -> None:
    config = config_of(rule, workers=1, deterministic=False, one_objective=one_objective)
    here, there = on_the_clock(config), on_ray(config, tmp_path)
    assert there.events == here.events
    assert outcome(there) == outcome(here)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("_on_ray")
@pytest.mark.parametrize("rule", ["stopping", "promotion"])
def test_every_decision_of_four_workers_recurs_when_their_reports_do(
    rule: str, tmp_path: Path
) -> None:
    """The order of reports is Ray's; what is begun, stopped and promoted follows from it."""
    config = config_of(rule, workers=4, deterministic=False, one_objective=False)
    there = on_ray(config, tmp_path)
    here = in_memory(config)
    for event in there.events:
        again(here, *event)
    assert here.events == there.events
    assert outcome(here) == outcome(there)
    assert here.finished


def again(search: NotedSearch, what: str, job: Job, *after: Any) -> None:
    """Tell a search what Ray told another one."""
    if what == "begins":
        assert search.next_job() == job
        return
    training = trajectory(job.architecture, job.seed)
    epoch = after[0] if after else search.problem.epochs
    curve = [{"epoch": e, "val_accuracy": a} for e, a in training.points.items() if e <= epoch]
    result = EvaluationResult({}, curve, 1.0)
    if what == "at a rung":
        search.reported(job, epoch, training.points[epoch])
    elif what == "pauses":
        search.paused(job, result, epoch=epoch, state=b"")
    elif what == "stops":
        search.stopped(job, result, epoch=epoch)
    elif what == "fails":
        search.failed(job, "it raised")
    else:
        search.completed(job, result._replace(metrics={"val_accuracy": training.accuracy}))
