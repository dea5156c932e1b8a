"""The search loop: tests run its jobs, one after another or in parallel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nas.config.search_config import SearchConfig
from nas.errors import NothingFits, TooManyFailures
from nas.evaluation.evaluate import EvaluationResult
from nas.search.job import Job
from nas.search.loop import Search
from nas.search.problem import costs_of, space_of
from nas.storage.candidates import pareto_front
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import checked_problem
from search_space.architecture import Task
from search_space.cost import network_costs
from search_space.space import SearchSpace
from search_space.space.config import SpaceConfig
from search_space.space.layout import Layout, lay_out
from tests.hand_driven import drive, search_of

ConfigOf = Callable[..., SearchConfig]
InMemory = Callable[[SearchConfig], Ledger]
Outcome = Callable[[Job], EvaluationResult | str]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]


@pytest.fixture
def begin(task: Task) -> Callable[..., Search]:
    return lambda config, ledger: search_of(config, ledger, task)


def evaluations_of(ledger: Ledger) -> dict[str, list[int]]:
    """Return the seeds of each architecture's results."""
    seeds: dict[str, list[int]] = {}
    for kind in ("search", "repeats"):
        for row in ledger.evaluations(kind):
            if row.state == "complete":
                seeds.setdefault(row.arch_id, []).append(row.seed)
    return seeds


def test_a_search_trains_and_then_repeats_its_front(
    config_of: ConfigOf,
    in_memory: InMemory,
    begin: Callable[..., Search],
    outcome: Outcome,
    accuracy: Callable[..., float],
    task: Task,
) -> None:
    config = config_of(search={"n_trials": 12, "finalist_seeds": 4})
    ledger = in_memory(config)
    search = begin(config, ledger)
    jobs = drive(search, outcome)
    assert search.finished
    assert [job.kind for job in jobs[:12]] == ["search"] * 12
    assert {job.kind for job in jobs[12:]} == {"repeats"}
    assert {job.seed for job in jobs[:12]} == {3}
    assert len({job.architecture for job in jobs[:12]}) == 12
    assert len(set(jobs)) == len(jobs)

    seeds = evaluations_of(ledger)
    front = pareto_front(search.candidates(), config.objectives)
    assert front
    for member in front:
        assert sorted(seeds[member.arch_id]) == [3, 4, 5, 6]
        by_seed = {seed: accuracy(member.architecture, seed) for seed in (3, 4, 5, 6)}
        assert (member.n, member.is_fresh, member.evaluations) == (3, True, 4)
        fresh = sum(by_seed[seed] for seed in config.fresh_seeds) / 3
        assert member.metrics["val_accuracy"] == pytest.approx(fresh)
        assert member.choice["val_accuracy"] == pytest.approx(sum(by_seed.values()) / 4)
        assert member.as_found == by_seed[3]
    assert len(seeds) == 12
    assert all(len(each) < 5 for each in seeds.values())
    for row in ledger.evaluations("search"):
        costs = network_costs(row.architecture, task)
        assert row.metrics == {
            "val_accuracy": accuracy(row.architecture, 3),
            "params": costs.params,
            "macs": costs.macs,
            "activations": costs.activations,
        }
        assert (row.device_seconds, len(row.curve)) == (1.5, 2)
    assert search.next_job() is None


def test_repeats_go_on_until_a_front_that_moves_is_settled(
    config_of: ConfigOf,
    in_memory: InMemory,
    begin: Callable[..., Search],
    trained: Callable[..., EvaluationResult],
) -> None:
    """The first seed is too high: other seeds move members off the front, and others onto it."""
    config = config_of(search={"n_trials": 15, "finalist_seeds": 3}, seed=0)
    ledger = in_memory(config)
    search = begin(config, ledger)
    fronts = []

    def flattered(job: Job) -> EvaluationResult:
        fronts.append({c.arch_id for c in pareto_front(search.candidates(), config.objectives)})
        result = trained(job.architecture, job.seed)
        lower = result.metrics["val_accuracy"] - (0.3 if job.kind == "repeats" else 0.0)
        return result._replace(metrics={"val_accuracy": lower})

    drive(search, flattered)
    front = pareto_front(search.candidates(), config.objectives)
    assert {c.evaluations for c in front} == {3}
    assert fronts[15] != {c.arch_id for c in front}
    others = [c for c in search.candidates() if c.is_fresh and c not in front]
    assert others  # members once; their repeats were not for nothing, and are kept


def test_one_seed_needs_no_repeats(
    config_of: ConfigOf, in_memory: InMemory, begin: Callable[..., Search], outcome: Outcome
) -> None:
    config = config_of(search={"n_trials": 4, "finalist_seeds": 1})
    search = begin(config, in_memory(config))
    assert len(drive(search, outcome)) == 4
    assert search.finished


def test_no_repeat_starts_while_a_trial_runs(
    config_of: ConfigOf, in_memory: InMemory, begin: Callable[..., Search], outcome: Outcome
) -> None:
    """A running job's result may change the front."""
    config = config_of(search={"n_trials": 2, "finalist_seeds": 2})
    search = begin(config, in_memory(config))
    first, second = search.next_job(), search.next_job()
    assert first is not None
    assert second is not None
    assert search.next_job() is None
    search.completed(first, outcome(first))
    assert search.next_job() is None
    assert not search.finished
    search.completed(second, outcome(second))
    repeat = search.next_job()
    assert repeat is not None
    assert repeat.kind == "repeats"


def test_failures_are_recorded_and_the_search_goes_on(
    config_of: ConfigOf, in_memory: InMemory, begin: Callable[..., Search], outcome: Outcome
) -> None:
    config = config_of(search={"n_trials": 8, "finalist_seeds": 3, "max_failures": 3})
    ledger = in_memory(config)
    search = begin(config, ledger)
    count = 0

    def sometimes(job: Job) -> EvaluationResult | str:
        nonlocal count
        count += 1
        return f"Traceback: number {count}" if count % 3 else outcome(job)

    jobs = drive(search, sometimes)
    rows = ledger.evaluations("search")
    assert sum(row.state == "complete" for row in rows) == 8
    assert sum(job.kind == "search" for job in jobs) == len(rows) > 8
    failed = [row for row in rows if row.state == "fail"]
    assert all(row.error.startswith("Traceback: number ") for row in failed if row.error)
    assert all(row.metrics == {} for row in failed)
    repeats = ledger.evaluations("repeats")
    assert {row.state for row in repeats} == {"complete", "fail"}
    assert all(row.error for row in repeats if row.state == "fail")
    tried = [(row.arch_id, row.seed) for row in repeats]
    assert len(set(tried)) == len(tried)  # a failed repeat is not tried again
    for member in pareto_front(search.candidates(), config.objectives):
        assert {seed for arch_id, seed in tried if arch_id == member.arch_id} == {4, 5}
    errors = [row.error for row in (*rows, *repeats) if row.error]
    assert search.status().failed == len(errors) == sum(1 for n in range(1, count + 1) if n % 3)


def test_failures_in_a_row_stop_the_search(
    config_of: ConfigOf, start: Start, begin: Callable[..., Search], outcome: Outcome
) -> None:
    config = config_of(search={"n_trials": 30, "max_failures": 4})
    run, ledger = start(config)
    search = begin(config, ledger)
    count = 0

    def worse(job: Job) -> EvaluationResult | str:
        nonlocal count
        count += 1
        good = count in (1, 5)  # three failures, a result, then failures only
        return outcome(job) if good else f"Traceback: number {count}"

    with pytest.raises(TooManyFailures) as caught:
        drive(search, worse, at_once=1)
    assert str(caught.value) == (
        "4 trials in a row failed (search.max_failures); the last one with:\nTraceback: number 9"
    )
    rows = Ledger.open(config, run).evaluations()
    assert [row.error is None for row in rows] == [n in (1, 5) for n in range(1, 10)]
    # continued, it may fail as often again
    again = begin(config, Ledger.open(config, run))
    assert again.status().failed == 7
    assert again.next_job() is not None


def test_failing_repeats_stop_the_search_only_in_a_row(
    config_of: ConfigOf, in_memory: InMemory, begin: Callable[..., Search], outcome: Outcome
) -> None:
    settings = {"n_trials": 8, "finalist_seeds": 6, "max_failures": 2}

    def failing(every: int) -> Outcome:
        count = 0

        def sometimes(job: Job) -> EvaluationResult | str:
            nonlocal count
            count += job.kind == "repeats"
            fails = job.kind == "repeats" and count % every == 0
            return "Traceback: no" if fails else outcome(job)

        return sometimes

    config = config_of(search=settings)
    search = begin(config, in_memory(config))
    drive(search, failing(every=2), at_once=1)
    assert search.status().failed > 2
    config = config_of(name="second", search=settings)
    with pytest.raises(TooManyFailures):
        drive(begin(config, in_memory(config)), failing(every=1), at_once=1)


def test_a_search_that_is_stopped_anywhere_goes_on(
    config_of: ConfigOf, in_memory: InMemory, begin: Callable[..., Search], outcome: Outcome
) -> None:
    """Also if it is interrupted in its repeats: with the same order of results, all is the same."""
    settings = {"n_trials": 6, "finalist_seeds": 3, "concurrency": 1}
    whole = config_of(name="whole", search=settings)
    expected = in_memory(whole)
    jobs = drive(begin(whole, expected), outcome, at_once=1)
    assert sum(job.kind == "repeats" for job in jobs) > 2
    for stops in ([1], [5], [6], [7], [len(jobs) - 1], [2, 1, 5, 1]):
        config = config_of(name="stopped", search=settings)
        ledger = in_memory(config)
        for count in stops:
            drive(begin(config, ledger), outcome, at_once=1, stop_after=count)
        search = begin(config, ledger)
        assert search.status().trained == min(6, sum(stops))
        rest = drive(search, outcome, at_once=1)
        assert sum(stops) + len(rest) == len(jobs)
        for kind in ("search", "repeats"):
            assert [(r.architecture, r.seed, r.metrics) for r in ledger.evaluations(kind)] == [
                (r.architecture, r.seed, r.metrics) for r in expected.evaluations(kind)
            ]


def test_what_was_running_is_run_first(
    config_of: ConfigOf, start: Start, begin: Callable[..., Search], outcome: Outcome
) -> None:
    config = config_of(search={"n_trials": 5, "finalist_seeds": 1})
    run, ledger = start(config)
    search = begin(config, ledger)
    made = [search.next_job() for _ in range(5)]
    assert made[1] is not None
    search.completed(made[1], outcome(made[1]))
    again = begin(config, Ledger.open(config, run))
    status = again.status()
    assert (status.phase, status.trained, status.running) == ("search", 1, 0)
    assert not again.finished
    assert [again.next_job() for _ in range(4)] == [made[0], *made[2:]]
    assert again.next_job() is None


def test_a_small_space_ends_the_search_early(
    config_of: ConfigOf,
    in_memory: InMemory,
    begin: Callable[..., Search],
    outcome: Outcome,
    tiny_description: dict[str, Any],
    tiny_space: SearchSpace,
) -> None:
    for name in ("random", "pareto_local_search", "nsga2"):
        config = config_of(
            name=name,
            space=tiny_description,
            sampler={"name": name},
            search={"n_trials": 50, "finalist_seeds": 2},
        )
        ledger = in_memory(config)
        search = begin(config, ledger)
        drive(search, outcome)
        status = search.status()
        assert (status.phase, status.wanted) == ("repeats", 50)
        assert status.trained == len(evaluations_of(ledger))
        assert status.trained == tiny_space.size or name == "nsga2"
        for member in pareto_front(search.candidates(), config.objectives):
            assert member.evaluations == 2


def test_a_search_in_which_nothing_fits_is_an_error(
    config_of: ConfigOf, in_memory: InMemory, begin: Callable[..., Search]
) -> None:
    config = config_of(limits={"params": 100})
    search = begin(config, in_memory(config))
    with pytest.raises(NothingFits, match="384 were tried"):
        search.next_job()


def test_a_deterministic_search_waits(
    config_of: ConfigOf, in_memory: InMemory, begin: Callable[..., Search], outcome: Outcome
) -> None:
    config = config_of(
        search={"n_trials": 9, "finalist_seeds": 1, "deterministic": True, "concurrency": 3}
    )
    search = begin(config, in_memory(config))
    jobs = [search.next_job() for _ in range(4)]  # number 4 sees the result of number 0
    assert search.next_job() is None
    for job in (jobs[2], jobs[1], jobs[3]):
        assert job is not None
        search.completed(job, outcome(job))
        assert search.next_job() is None
    assert jobs[0] is not None
    search.completed(jobs[0], outcome(jobs[0]))
    assert search.next_job() is not None


def test_status_counts(
    config_of: ConfigOf,
    in_memory: InMemory,
    begin: Callable[..., Search],
    outcome: Outcome,
    accuracy: Callable[..., float],
) -> None:
    config = config_of(
        search={"n_trials": 4, "finalist_seeds": 2, "noise_candidates": 0},
        sampler={"name": "random"},
        limits={"params": 2000},
    )
    ledger = in_memory(config)
    search = begin(config, ledger)
    status = search.status()
    assert (status.phase, status.trained, status.wanted, status.running) == ("search", 0, 4, 0)
    assert (status.failed, status.rejected, status.best, status.device_hours) == (0, 0, None, 0.0)
    assert (status.repeats_done, status.repeats_wanted) == (0, 0)
    assert status.remaining_seconds is None
    assert status.elapsed_seconds >= 0

    jobs = [search.next_job() for _ in range(3)]
    assert all(job is not None for job in jobs)
    first, second, third = (job for job in jobs if job is not None)
    search.completed(first, outcome(first))
    search.failed(second, "Traceback: no")
    status = search.status()
    assert (status.phase, status.trained, status.running, status.failed) == ("search", 1, 1, 1)
    assert status.rejected == sum(
        entry["count"] for entry in search.trials.rejections.to_json().values()
    )
    assert status.rejected > 0
    assert status.best is not None
    assert status.best.architecture == first.architecture
    assert status.device_hours == pytest.approx(1.5 / 3600)
    # one is done; two are missing, one is running
    assert status.remaining_seconds == pytest.approx(3 * status.elapsed_seconds)

    search.completed(third, outcome(third))
    while search.status().phase == "search":
        job = search.next_job()
        assert job is not None
        search.completed(job, outcome(job))
    front = pareto_front(search.candidates(), config.objectives)
    status = search.status()
    assert (status.trained, status.running) == (4, 0)
    assert (status.repeats_done, status.repeats_wanted) == (0, len(front))
    best = max(search.candidates(), key=lambda c: accuracy(c.architecture, 3))
    assert status.best is not None
    assert status.best.arch_id == best.arch_id
    repeat = search.next_job()
    assert repeat is not None
    status = search.status()
    assert (status.running, status.repeats_done, status.repeats_wanted) == (1, 0, len(front))
    search.completed(repeat, outcome(repeat))
    drive(search, outcome)
    status = search.status()
    assert status.repeats_done == status.repeats_wanted >= len(front)
    assert status.remaining_seconds == 0
    assert status.device_hours == pytest.approx(1.5 * (4 + status.repeats_done) / 3600)
    resumed = begin(config, ledger).status()
    assert (resumed.trained, resumed.failed, resumed.rejected) == (4, 1, status.rejected)
    assert (resumed.repeats_done, resumed.phase) == (status.repeats_done, "repeats")


def test_a_search_lays_its_space_out_once(
    config_of: ConfigOf,
    in_memory: InMemory,
    outcome: Outcome,
    task: Task,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Building the space takes seconds for a large one, from its configuration to its front."""
    laid_out: list[str] = []

    def noted(config: SpaceConfig, *args: Any, **kwargs: Any) -> Layout:
        laid_out.append(config.name)
        return lay_out(config, *args, **kwargs)

    monkeypatch.setattr("search_space.space.search_space.lay_out", noted)
    config = config_of()
    problem = checked_problem(config, costs_of(config, space_of(config), task))
    search = Search(problem, in_memory(config))
    drive(search, outcome)
    assert pareto_front(search.candidates(), config.objectives)
    assert laid_out == ["small"]
