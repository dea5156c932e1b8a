"""Trials that pause at rungs: their rows in the ledger, promotion, and interruptions."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import ray
import torch
from optuna.trial import TrialState

from nas.cli.commands.search.status import read_status
from nas.cli.progress import describe
from nas.config.search_config import SearchConfig
from nas.errors import RunError, TooManyFailures
from nas.evaluation.evaluate import EvaluationResult, Paused, Progress
from nas.evaluation.messages import (
    REPORT,
    REQUEST,
    Completed,
    Pausing,
    Raised,
    Report,
    TrialRequest,
)
from nas.evaluation.worker_time import WorkerTime
from nas.latency.cache import LatencyCache
from nas.ray.searcher import SearchJobs
from nas.ray.trainable import TrainingTrainable
from nas.samplers import SAMPLERS
from nas.schedulers.promotion import expected_epochs
from nas.schedulers.registry import PAUSING, RUNG_RULES
from nas.search.job import Job
from nas.search.trial_state import State
from nas.storage.ledger import Ledger
from nas.storage.networks.checkpoints import PausedStates
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import load_task, proxy_assignment
from search_space.architecture import Architecture, Task
from search_space.cost import Costs
from search_space.space import SearchSpace
from tests.hand_driven import search_of
from tests.invented_latency import invented_latency
from trainers import CheckpointError
from trainers.checkpoints.checkpoint import checkpoint_bytes, read_checkpoint

pytestmark = pytest.mark.many_cases

ConfigOf = Callable[..., SearchConfig]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]
InMemory = Callable[[SearchConfig], Ledger]

PROMOTION: dict[str, Any] = {
    "scheduler": {"name": "asha", "type": "promotion"},
    "proxy": {"epochs": 9, "batch_size": 16, "learning_rate": 0.1},
    "sampler": {"name": "random"},
}
"""Rungs after 1 and 3 epochs; one trial of three is promoted."""


BOTH_TYPES = pytest.mark.parametrize("kind", PAUSING)


def promotion_of(kind: str) -> dict[str, Any]:
    return PROMOTION | {"scheduler": {"name": "asha", "type": kind}}


class Trained(NamedTuple):
    """A job that has ended."""

    architecture: Architecture
    kind: str
    resumes: bool
    epoch: int  # at its end


def curve_to(epoch: int, accuracy: float) -> list[dict[str, Any]]:
    return [{"epoch": e, "val_accuracy": accuracy * e / epoch} for e in range(1, epoch + 1)]


class ExchangeInMemory:
    """An exchange in the memory of the test; see :mod:`nas.ray.checkpoint_exchange`."""

    def __init__(self) -> None:
        self._contents: dict[int, bytes] = {}

    def put(self, number: int, content: bytes) -> None:
        self._contents[number] = content

    def get(self, number: int) -> bytes | None:
        return self._contents.get(number)

    def discard(self, number: int) -> None:
        self._contents.pop(number, None)


class Legs:
    """A search whose jobs the test trains, as Tune and the workers do."""

    def __init__(
        self, config: SearchConfig, ledger: Ledger, task: Task, states: PausedStates
    ) -> None:
        self.config = config
        self.states = states
        self.search = search_of(config, ledger, task, states=states)
        self.exchange = ExchangeInMemory()
        self.searcher = SearchJobs(
            self.search, lambda: 100, lambda: 1, lambda: None, lambda: None, self.exchange
        )
        self.count = 0

    def begin(self) -> tuple[str, Job] | None:
        """Return the next job; None when the search is over."""
        self.count += 1
        trial_id = f"trial{self.count}"
        suggested = self.searcher.suggest(trial_id)
        assert self.searcher.error is None
        if suggested == "FINISHED":
            return None
        assert isinstance(suggested, dict), "no job, and none running"
        return trial_id, self.searcher.running[trial_id].job

    def end(self, trial_id: str, job: Job, accuracy: float) -> Trained:
        """Train a job whose whole training would end at ``accuracy``."""
        epochs = self.config.proxy.epochs
        epoch = job.pause_at or epochs
        if job.resumes:
            assert self.exchange.get(job.number) == str(job.architecture).encode()
        reached = accuracy * epoch / epochs
        curve = curve_to(epoch, reached)
        outcome: Pausing | Completed
        if epoch < epochs:
            self.exchange.put(job.number, str(job.architecture).encode())
            outcome = Pausing(Progress(epoch, epochs, reached, curve, 0.5 * epoch))
        else:
            outcome = Completed(EvaluationResult({"val_accuracy": accuracy}, curve, 0.5 * epoch))
        self.searcher.on_trial_complete(trial_id, {"done": True, REPORT: Report(outcome, "node 7")})
        if job.kind == "search":
            assert self.exchange.get(job.number) is None
        return Trained(job.architecture, job.kind, job.resumes, epoch)

    def train(self, accuracy: Callable[[Job], float]) -> Trained | None:
        begun = self.begin()
        if begun is None:
            return None
        trained = self.end(*begun, accuracy(begun[1]))
        assert self.searcher.error is None
        return trained

    def train_all(self, accuracy: Callable[[Job], float]) -> list[Trained]:
        trained = []
        while (following := self.train(accuracy)) is not None:
            trained.append(following)
        assert self.search.finished
        return trained


@pytest.fixture
def states(tmp_path: Path) -> PausedStates:
    return PausedStates(tmp_path / "paused")


@pytest.fixture
def legs(task: Task, states: PausedStates) -> Callable[[SearchConfig, Ledger], Legs]:
    return lambda config, ledger: Legs(config, ledger, task, states)


@BOTH_TYPES
@pytest.mark.parametrize("objectives", [["val_accuracy"], ["val_accuracy", "params"]])
def test_the_best_third_of_each_rung_goes_on_and_the_others_are_pruned(
    config_of: ConfigOf,
    start: Start,
    legs: Callable[[SearchConfig, Ledger], Legs],
    accuracy: Callable[..., float],
    costs: Callable[[Architecture], Costs],
    states: PausedStates,
    objectives: list[str],
    kind: str,
) -> None:
    search = {"n_trials": 18, "finalist_seeds": 1, "noise_candidates": 0}
    config = config_of(**promotion_of(kind), objectives=objectives, search=search)
    run, ledger = start(config)
    trained = legs(config, ledger).train_all(lambda job: accuracy(job.architecture))

    rows = ledger.evaluations()
    assert [row.state for row in rows].count("complete") == 2
    assert [row.state for row in rows].count("pruned") == 16
    assert sorted(row.epochs for row in rows) == [1] * 12 + [3] * 4 + [9] * 2
    assert sum(row.epochs for row in rows) == expected_epochs(18, 9, [1, 3], 3)
    assert len(trained) == 18 + 6 + 2
    assert all(job.resumes == (job.epoch > 1) for job in trained)
    study = ledger.study("search")
    for row, trial in zip(rows, study.trials, strict=True):
        final = accuracy(row.architecture)
        points = {epoch: final * epoch / 9 for epoch in range(1, row.epochs + 1)}
        assert trial.intermediate_values == pytest.approx(points)
        assert row.device_seconds == 0.5 * row.epochs
        if row.state == "pruned":
            assert (trial.state, trial.values) == (TrialState.PRUNED, None)
            assert (row.metrics, row.stopped_at_epoch) == ({}, row.epochs)

    # one worker: each promotion follows from what was seen until then
    promotion = RUNG_RULES[kind]([1, 3], 3)
    numbers = {row.architecture: row.number for row in rows}
    begun = 0
    for job in trained:
        number = numbers[job.architecture]
        if job.resumes:
            assert promotion.next(more_begin=begun < 18, arriving=[]) == number
            promotion.promote(number)
        else:
            assert promotion.next(more_begin=True, arriving=[]) is None
            begun += 1
        if job.epoch < 9:
            losses = [-accuracy(job.architecture) * job.epoch / 9, costs(job.architecture).params]
            promotion.report(number, job.epoch, losses[: len(objectives)])
    assert promotion.next(more_begin=False, arriving=[]) is None

    status = read_status(run)
    assert status["trials"] == {"complete": 2, "pruned": 16}
    assert status["stopped_early"] == {"1": 12, "3": 4}
    assert not states.folder.exists()


@BOTH_TYPES
def test_a_search_goes_on_from_what_is_paused_as_if_it_had_not_been_interrupted(
    config_of: ConfigOf,
    start: Start,
    in_memory: InMemory,
    legs: Callable[[SearchConfig, Ledger], Legs],
    accuracy: Callable[..., float],
    kind: str,
) -> None:
    search = {"n_trials": 12, "finalist_seeds": 2, "concurrency": 1, "deterministic": True}

    def accuracy_of(job: Job) -> float:
        return accuracy(job.architecture, job.seed)

    whole = config_of(name="whole", **promotion_of(kind), search=search)
    expected = legs(whole, in_memory(whole)).train_all(accuracy_of)

    config = config_of(name="stopped", **promotion_of(kind), search=search)
    run, _ = start(config)
    again: list[Trained | None] = []
    for stop in (2, 3, 8, 3):
        driven = legs(config, Ledger.open(config, run))
        again += [driven.train(accuracy_of) for _ in range(stop)]
        driven.begin()  # and is killed before it ends
        rows = Ledger.open(config, run).evaluations()
        paused = [row for row in rows if row.state == "paused"]
        assert {row.number for row in paused} >= {
            t.number for t in driven.search.trials.of(State.PAUSED)
        }
        assert all(row.metrics == {} and row.epochs in (1, 3) for row in paused)
        assert read_status(run)["trials"]["paused"] == len(paused)
    last = legs(config, Ledger.open(config, run))
    status = last.search.status()
    done = {trained.architecture: 0.5 * trained.epoch for trained in again if trained}
    assert status.device_hours * 3600 == pytest.approx(sum(done.values()))
    assert status.paused == last.search.trials.count(State.PAUSED)
    assert f"{status.paused} paused" in describe(status)
    again += last.train_all(accuracy_of)
    assert again == expected


def test_a_search_shows_how_much_of_it_is_done(
    config_of: ConfigOf,
    in_memory: InMemory,
    legs: Callable[[SearchConfig, Ledger], Legs],
) -> None:
    search = {"n_trials": 9, "finalist_seeds": 1, "noise_candidates": 0}
    config = config_of(**PROMOTION, search=search)
    driven = legs(config, in_memory(config))
    assert driven.search.status().remaining_seconds is None
    driven.train(lambda job: 0.5)
    assert driven.search._report.share_done == 1 / expected_epochs(9, 9, [1, 3], 3)
    status = driven.search.status()
    assert (status.trained, status.paused, status.phase) == (0, 1, "search")
    assert status.remaining_seconds is not None
    driven.train_all(lambda job: 0.5)
    assert driven.search._report.share_done == 1


@BOTH_TYPES
def test_a_small_space_that_is_exhausted_trains_its_share_to_the_end(
    config_of: ConfigOf,
    in_memory: InMemory,
    legs: Callable[[SearchConfig, Ledger], Legs],
    tiny_description: dict[str, Any],
    kind: str,
) -> None:
    search = {"n_trials": 20, "finalist_seeds": 1, "noise_candidates": 0}
    config = config_of(**promotion_of(kind), space=tiny_description, search=search)
    ledger = in_memory(config)
    legs(config, ledger).train_all(lambda job: 0.5)
    rows = ledger.evaluations()
    assert sorted(row.epochs for row in rows) == [1] * 8 + [3] * 2 + [9] * 2
    assert [row.state for row in rows].count("complete") == 2


def test_a_lost_state_is_trained_again_from_the_beginning(
    config_of: ConfigOf,
    in_memory: InMemory,
    legs: Callable[[SearchConfig, Ledger], Legs],
    states: PausedStates,
    caplog: pytest.LogCaptureFixture,
) -> None:
    search = {"n_trials": 3, "finalist_seeds": 1, "noise_candidates": 0}
    config = config_of(**PROMOTION, search=search)
    ledger = in_memory(config)
    driven = legs(config, ledger)
    for _ in range(3):
        driven.train(lambda job: 0.5)
    shutil.rmtree(states.folder)
    with caplog.at_level(logging.WARNING):
        trained = driven.train(lambda job: 0.5)
    assert trained is not None
    assert (trained.epoch, trained.resumes) == (3, False)
    assert "is trained again from its first epoch" in caplog.text
    last = driven.train(lambda job: 0.5)
    assert last is not None
    assert (last.epoch, last.resumes) == (9, True)
    assert [row.epochs for row in ledger.evaluations() if row.state == "complete"] == [9]


@pytest.mark.parametrize(("kind", "begun_before"), [("promotion", 3), ("rung_by_rung", 6)])
def test_a_failing_training_leaves_its_place_to_the_next_best(
    config_of: ConfigOf,
    in_memory: InMemory,
    legs: Callable[[SearchConfig, Ledger], Legs],
    states: PausedStates,
    kind: str,
    begun_before: int,
) -> None:
    search = {"n_trials": 6, "finalist_seeds": 1, "noise_candidates": 0}
    config = config_of(**promotion_of(kind), objectives=["val_accuracy"], search=search)
    ledger = in_memory(config)
    driven = legs(config, ledger)
    calls = iter([0.3, 0.9, 0.6])
    accuracies: dict[Architecture, float] = {}

    def accuracy_of(job: Job) -> float:
        return accuracies.setdefault(job.architecture, next(calls, 0.1))

    for _ in range(begun_before):
        driven.train(accuracy_of)
    begun = driven.begin()
    assert begun is not None
    trial_id, job = begun
    assert (accuracies[job.architecture], job.pause_at, job.resumes) == (0.9, 3, True)
    driven.searcher.on_trial_complete(trial_id, {REPORT: Report(Raised("it raised"))})
    assert not states.holds(job.number)
    driven.train_all(accuracy_of)
    rows = ledger.evaluations()
    states_of = {accuracies[row.architecture]: row.state for row in rows}
    assert states_of[0.9] == "fail"
    assert states_of[0.6] == "complete"  # the best of those that are left
    assert len(rows) == 7  # a failed one is not trained: another takes its place


def test_a_state_that_cannot_be_written_ends_the_search_with_what_is_known(
    config_of: ConfigOf,
    in_memory: InMemory,
    legs: Callable[[SearchConfig, Ledger], Legs],
    states: PausedStates,
    full_disk: Callable[[int], Any],
) -> None:
    ledger = in_memory(config_of(**PROMOTION))
    driven = legs(config_of(**PROMOTION), ledger)
    begun = driven.begin()
    assert begun is not None
    with full_disk(10):
        driven.end(*begun, 0.5)
    assert isinstance(driven.searcher.error, RunError)
    file = states.folder / "trial-0.pt"
    assert str(driven.searcher.error) == (
        f"cannot write {file}, from which a paused training would continue: File too large"
    )
    assert [(row.state, row.epochs) for row in ledger.evaluations()] == [("paused", 1)]
    again = legs(config_of(**PROMOTION), ledger)  # goes on, and trains that one from the beginning
    assert [t.number for t in again.search.trials.of(State.PAUSED)] == [0]


def test_a_state_that_was_lost_with_a_node_is_trained_again(
    config_of: ConfigOf, in_memory: InMemory, legs: Callable[[SearchConfig, Ledger], Legs]
) -> None:
    search = {"n_trials": 1, "finalist_seeds": 1, "noise_candidates": 0}
    config = config_of(**PROMOTION, search=search)
    ledger = in_memory(config)
    driven = legs(config, ledger)
    begun = driven.begin()
    assert begun is not None
    driven.exchange.put = lambda number, content: None  # type: ignore[method-assign]
    driven.end(*begun, 0.5)
    assert driven.searcher.error is None
    following = driven.begin()
    assert following is not None
    assert (following[1].pause_at, following[1].resumes) == (3, False)


@pytest.mark.parametrize("objectives", [["val_accuracy"], ["val_accuracy", "params"]])
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_goes_on_while_trials_wait(
    config_of: ConfigOf,
    in_memory: InMemory,
    legs: Callable[[SearchConfig, Ledger], Legs],
    accuracy: Callable[..., float],
    objectives: list[str],
    name: str,
) -> None:
    options = {
        "default": {"initial_trials": 4},
        "tpe": {"n_startup_trials": 3, "n_ei_candidates": 1},
        "nsga2": {"population_size": 3},
    }.get(name, {})
    config = config_of(
        **PROMOTION | {"sampler": {"name": name, "options": options}},
        objectives=objectives,
        search={"n_trials": 14, "finalist_seeds": 1, "noise_candidates": 0},
    )
    ledger = in_memory(config)
    legs(config, ledger).train_all(lambda job: accuracy(job.architecture))
    rows = [row for row in ledger.evaluations() if not row.violation]
    assert len({row.architecture for row in rows}) == len(rows) == 14
    assert {row.state for row in rows} == {"complete", "pruned"}


@pytest.mark.parametrize("pauses", [(1,), (2,), (1, 2)])
def test_a_paused_training_goes_on_to_the_same_bits(
    config_of: ConfigOf, small_space: SearchSpace, pauses: tuple[int, ...]
) -> None:
    recipe = {"epochs": 3, "batch_size": 16, "learning_rate": 0.1}
    average, noise = {"weight_average": {"decay": 0.9}}, {"augmentation": {"noise_std": 0.1}}
    config = config_of(proxy=recipe | average | noise)
    assignment = proxy_assignment(config, load_task(config))
    text = list(small_space.architectures())[5].canonical_json()
    *_, whole = assignment.evaluation(text, 0)
    state = None
    for pause in pauses:
        *points, paused = assignment.evaluation(text, 0, pause_at=pause, state=state)
        assert isinstance(paused, Paused)
        assert all(isinstance(point, Progress) for point in points)
        assert paused.progress.epoch == pause
        state = read_checkpoint(checkpoint_bytes(paused.state), "the test's")
    *_, last = assignment.evaluation(text, 0, state=state)
    assert isinstance(last, EvaluationResult)
    assert isinstance(whole, EvaluationResult)
    assert (last.metrics, last.curve) == (whole.metrics, whole.curve)
    assert last.device_seconds > paused.progress.device_seconds
    with pytest.raises(CheckpointError, match="of another run: seed"):
        list(assignment.evaluation(text, 1, state=state))


def test_states_are_kept_whole_or_not_at_all(
    states: PausedStates, full_disk: Callable[[int], Any]
) -> None:
    states.save(3, b"one")
    states.save(12, b"two")
    states.save(3, b"three")
    assert (states.load(3), states.load(12)) == (b"three", b"two")
    with full_disk(10), pytest.raises(OSError, match="File too large"):
        states.save(3, b"more than ten bytes")
    assert states.load(3) == b"three"
    assert sorted(file.name for file in states.folder.iterdir()) == ["trial-12.pt", "trial-3.pt"]
    states.discard(3)
    states.discard(3)
    assert (states.holds(3), states.holds(12)) == (False, True)
    with pytest.raises(FileNotFoundError):
        states.load(3)
    (states.folder / ".trial-4.pt.123").write_bytes(b"of a killed driver")
    states.save(4, b"four")
    states.keep_only([12])
    assert [file.name for file in states.folder.iterdir()] == ["trial-12.pt"]
    states.keep_only([])
    states.keep_only([])
    assert not states.folder.exists()


@pytest.mark.parametrize("content", ["damaged", "of another run", "lost"])
def test_a_state_that_cannot_be_taken_up_is_trained_anew_and_said(
    config_of: ConfigOf, small_space: SearchSpace, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    config = config_of(**PROMOTION)
    assignment = proxy_assignment(config, load_task(config))
    text = list(small_space.architectures())[5].canonical_json()
    exchange = ExchangeInMemory()
    if content != "lost":
        *_, paused = assignment.evaluation(text, int(content != "damaged"), pause_at=1)
        assert isinstance(paused, Paused)
        whole = checkpoint_bytes(paused.state)
        exchange.put(7, whole[:-50] if content == "damaged" else whole)
    node = SimpleNamespace(get_node_id=lambda: "seven")
    monkeypatch.setattr(ray, "get_runtime_context", lambda: node)
    worker = TrainingTrainable.__new__(TrainingTrainable)  # beside Tune
    worker.assignment, worker.exchange, worker.time = assignment, exchange, WorkerTime()
    job = {REQUEST: TrialRequest(text, 0, 7, pause_at=3, resumes=True)}
    worker.reset_config(job)
    steps = [worker.step() for _ in range(3)]
    reports = [each[REPORT] for each in steps]
    assert [report.outcome.progress.epoch for report in reports] == [1, 2, 3]
    assert [each["done"] for each in steps] == [False, False, True]
    said = {"damaged": "truncated, damaged", "of another run": "seed", "lost": "it was lost"}
    assert said[content] in reports[-1].began_anew
    kept = exchange.get(7)
    assert kept is not None
    assert read_checkpoint(kept, "the new one")["epoch"] == 3

    worker.reset_config(job)  # as if the worker had died after it had sent its state
    again = worker.step()
    progress = again[REPORT].outcome.progress
    assert (progress.epoch, again["done"], again[REPORT].began_anew) == (3, True, "")
    assert progress.curve == reports[-1].outcome.progress.curve


def test_a_state_that_was_not_taken_up_is_logged(
    config_of: ConfigOf,
    in_memory: InMemory,
    legs: Callable[[SearchConfig, Ledger], Legs],
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = config_of(**PROMOTION)
    driven = legs(config, in_memory(config))
    begun = driven.begin()
    assert begun is not None
    with caplog.at_level(logging.WARNING):
        driven.searcher.on_trial_complete(
            begun[0], {REPORT: Report(Raised("no"), began_anew="damaged")}
        )
    assert "trial 0 cannot continue from its state: damaged; it is trained again" in caplog.text


def test_failures_of_trials_that_go_on_end_a_search(
    config_of: ConfigOf, in_memory: InMemory, legs: Callable[[SearchConfig, Ledger], Legs]
) -> None:
    """Other trials begin and pause without failing in between."""
    search = {"n_trials": 12, "max_failures": 3, "finalist_seeds": 1, "noise_candidates": 0}
    config = config_of(**PROMOTION, search=search)
    ledger = in_memory(config)
    driven = legs(config, ledger)
    for _ in range(60):
        driven.count += 1
        trial_id = f"trial{driven.count}"
        if driven.searcher.suggest(trial_id) == "FINISHED":
            break
        job = driven.searcher.running[trial_id].job
        if job.resumes:
            driven.searcher.on_trial_complete(trial_id, {REPORT: Report(Raised("it raised"))})
        else:
            driven.end(trial_id, job, 0.5)
    assert isinstance(driven.searcher.error, TooManyFailures)
    assert "3 resumed trials in a row failed" in str(driven.searcher.error)
    assert [row.state for row in ledger.evaluations()].count("fail") == 3


def test_files_of_trials_that_do_not_wait_are_removed(
    config_of: ConfigOf,
    in_memory: InMemory,
    legs: Callable[[SearchConfig, Ledger], Legs],
    states: PausedStates,
) -> None:
    """They remain if a driver is killed between writing the ledger and the disk."""
    config = config_of(**PROMOTION)
    ledger = in_memory(config)
    legs(config, ledger).train(lambda job: 0.5)
    states.save(5, b"of one that has ended")
    legs(config, ledger)
    assert [file.name for file in states.folder.iterdir()] == ["trial-0.pt"]


def test_trials_that_wait_are_read_from_the_database_once(
    config_of: ConfigOf,
    start: Start,
    legs: Callable[[SearchConfig, Ledger], Legs],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading all of them would make proposals slower and slower."""
    search = {"n_trials": 30, "finalist_seeds": 1, "noise_candidates": 0}
    config = config_of(**PROMOTION, search=search)
    run, ledger = start(config)
    driven = legs(config, ledger)
    database = ledger._database
    assert database is not None
    read: list[int] = []
    get_trials = database._get_trials

    def counted(*args: Any, **kwargs: Any) -> Any:
        trials = get_trials(*args, **kwargs)
        read.append(len(trials))
        return trials

    monkeypatch.setattr(database, "_get_trials", counted)
    legs_trained = driven.train_all(lambda job: 0.5)
    assert len(ledger.evaluations()) == 30
    assert sum(read) <= 4 * len(legs_trained)
    assert ledger.evaluations() == Ledger.open(config, run).evaluations()


@BOTH_TYPES
@pytest.mark.parametrize("places", [1, 2])
def test_trials_go_on_between_the_measurements_of_latency(
    config_of: ConfigOf,
    in_memory: InMemory,
    task: Task,
    states: PausedStates,
    tmp_path: Path,
    places: int,
    kind: str,
) -> None:
    """Later proposals see results, even with one worker, unless trials are trained rung by rung."""
    search = {"n_trials": 12, "finalist_seeds": 1, "noise_candidates": 0}
    latency = {"candidates_per_batch": 6}
    config = config_of(
        **promotion_of(kind),
        objectives=["val_accuracy", "latency_ms"],
        search=search,
        latency=latency,
    )
    cache = LatencyCache(tmp_path / "latency.jsonl", task, config.latency)
    measured = invented_latency(5.0, torch_version=torch.__version__)
    search_ = search_of(config, in_memory(config), task, latencies=cache, states=states)
    exchange = ExchangeInMemory()
    epochs: list[int] = []
    while not search_.finished:
        if search_.needs_metering:
            search_.meter_proposals(lambda batch: [measured for _ in batch])
            epochs.append(0)
            continue
        searcher = SearchJobs(
            search_, lambda: 100, lambda: 1, lambda: None, lambda: None, exchange
        )  # as a Tune run of its own
        running: list[str] = []
        while True:
            suggested = None
            while len(running) < places:
                trial_id = f"trial{len(epochs)}-{len(running)}"
                suggested = searcher.suggest(trial_id)
                assert searcher.error is None
                if not isinstance(suggested, dict):
                    break
                running.append(trial_id)
            if not running:
                assert suggested == "FINISHED"
                break
            trial_id = running.pop()
            job = searcher.running[trial_id].job
            epochs.append(job.pause_at or 9)
            outcome: Pausing | Completed
            if job.pause_at is None:
                outcome = Completed(EvaluationResult({"val_accuracy": 0.5}, [], 1.0))
            else:
                curve = curve_to(epochs[-1], 0.5)
                outcome = Pausing(Progress(epochs[-1], 9, 0.5, curve, 1.0))
                exchange.put(job.number, b"state")
            searcher.on_trial_complete(trial_id, {REPORT: Report(outcome)})
    assert sorted(epochs) == [0, 0] + [1] * 12 + [3] * 4 + [9] * 2
    before_the_second_measurement = epochs[: epochs.index(0, 1)]
    assert (3 in before_the_second_measurement) == (kind == "promotion")
