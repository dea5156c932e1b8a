"""The search loop: tests run its jobs, one after another or in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from nas.config.search_config import SearchConfig
from nas.errors import NothingFits, TooManyFailures
from nas.evaluation.evaluate import EvaluationResult
from nas.latency.cache import LatencyCache
from nas.search.job import Job
from nas.search.loop import Search
from nas.search.problem import costs_of, space_of
from nas.storage.candidates import pareto_front
from nas.storage.folder import RunFolder
from nas.storage.ledger import Ledger
from nas.workflows.checks import checked_problem
from search_space.architecture import Architecture, Task
from search_space.cost import Costs, network_costs
from search_space.cost.latency import DeviceBusy, Latency
from search_space.space import SearchSpace
from search_space.space.config import SpaceConfig
from search_space.space.layout import Layout, lay_out
from tests.hand_driven import search_of

ConfigOf = Callable[..., SearchConfig]
InMemory = Callable[[SearchConfig], Ledger]
Outcome = Callable[[Job], EvaluationResult | str]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]


def drive(
    search: Search,
    outcome: Outcome,
    *,
    at_once: int = 2,
    meter: Callable[[Sequence[Architecture]], list[Latency | str]] | None = None,
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


@pytest.fixture
def begin(task: Task) -> Callable[..., Search]:
    def made(config: SearchConfig, ledger: Ledger, latencies: LatencyCache | None = None) -> Search:
        return search_of(config, ledger, task, latencies=latencies)

    return made


@pytest.fixture
def outcome(trained: Callable[..., EvaluationResult]) -> Outcome:
    return lambda job: trained(job.architecture, job.seed)


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


class Meter:
    """Return latencies that follow from the architecture, and record the calls."""

    def __init__(self, costs: Callable[[Architecture], Costs]) -> None:
        self.costs = costs
        self.batches: list[list[Architecture]] = []
        self.busy: set[Architecture] = set()
        self.always_busy = False

    def latency_ms(self, architecture: Architecture) -> float:
        return self.costs(architecture).params / 500

    def __call__(self, architectures: Sequence[Architecture]) -> list[Latency | str]:
        self.batches.append(list(architectures))
        return [self._measured(architecture) for architecture in architectures]

    def _measured(self, architecture: Architecture) -> Latency | str:
        if self.always_busy or architecture in self.busy:
            return "DeviceBusy: latency could not be measured"
        return Latency(
            latency_ms=self.latency_ms(architecture),
            spread_ms=0.0,
            repeats=3,
            device="a processor",
            dtype="float32",
            batch_size=1,
            threads=1,
            input_shape=(1, 8, 8),
            torch_version="2",
            backend="eager",
        )


@pytest.fixture
def meter(costs: Callable[[Architecture], Costs]) -> Meter:
    return Meter(costs)


@pytest.fixture
def timed(config_of: ConfigOf) -> SearchConfig:
    return config_of(
        objectives=["val_accuracy", "latency_ms"],
        limits={"latency_ms": 5.0},  # 2,500 parameters, a third of the space
        search={"n_trials": 7, "finalist_seeds": 2},
        latency={"candidates_per_batch": 4},
    )


@pytest.fixture
def cache_of(tmp_path: Path, task: Task) -> Callable[[SearchConfig], LatencyCache]:
    return lambda config: LatencyCache(tmp_path / "latency.jsonl", task, config.latency)


def test_latency_is_measured_in_batches_between_trainings(
    timed: SearchConfig,
    start: Start,
    begin: Callable[..., Search],
    outcome: Outcome,
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
) -> None:
    run, ledger = start(timed)
    search = begin(timed, ledger, cache_of(timed))
    assert search.needs_metering
    assert search.next_job() is None

    def watched(architectures: Sequence[Architecture]) -> list[Latency | str]:
        assert search.status().running == 0
        return meter(architectures)

    jobs = drive(search, outcome, meter=watched)
    measured = [architecture for batch in meter.batches for architecture in batch]
    assert len(set(measured)) == len(measured)
    assert len(meter.batches) > 2
    assert all(1 <= len(batch) <= 4 for batch in meter.batches)

    rows = Ledger.open(timed, run).evaluations()
    assert [row.architecture for row in rows] == measured
    for row in rows:
        latency_ms = meter.latency_ms(row.architecture)
        if latency_ms > 5:
            assert (row.state, row.violation) == ("fail", {"latency_ms": latency_ms})
            assert row.error is None
        else:
            assert (row.state, row.metrics["latency_ms"]) == ("complete", latency_ms)
    slow = [row for row in rows if row.violation]
    assert len(slow) > 2
    assert len(rows) - len(slow) == 7
    assert {job.architecture for job in jobs}.isdisjoint(row.architecture for row in slow)
    rejected = search.trials.rejections.to_json()["latency_ms"]
    assert rejected["count"] == len(slow) == search.status().rejected
    assert rejected["smallest"] == min(row.violation["latency_ms"] for row in slow)
    trial = ledger.study("search").best_trials[0]
    assert trial.user_attrs["latency"]["latency_ms"] == trial.values[1]
    for member in pareto_front(search.candidates(), timed.objectives):
        assert (member.evaluations, member.metrics["latency_ms"]) == (
            2,
            meter.latency_ms(member.architecture),
        )


def test_no_more_is_measured_than_may_be_trained(
    config_of: ConfigOf,
    in_memory: InMemory,
    begin: Callable[..., Search],
    outcome: Outcome,
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
) -> None:
    config = config_of(
        objectives=["val_accuracy", "latency_ms"],
        search={"n_trials": 5, "finalist_seeds": 1},
        latency={"candidates_per_batch": 3},
    )
    search = begin(config, in_memory(config), cache_of(config))
    drive(search, outcome, meter=meter)
    assert [len(batch) for batch in meter.batches] == [3, 2]


def test_what_cannot_be_measured_is_a_failure(
    timed: SearchConfig,
    in_memory: InMemory,
    begin: Callable[..., Search],
    outcome: Outcome,
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
) -> None:
    ledger = in_memory(timed)
    search = begin(timed, ledger, cache_of(timed))

    def sometimes(architectures: Sequence[Architecture]) -> list[Latency | str]:
        if len(architectures) > 1:
            meter.busy.add(architectures[0])
        return meter(architectures)

    jobs = drive(search, outcome, meter=sometimes)
    rows = ledger.evaluations()
    failed = [row for row in rows if row.error]
    assert {row.architecture for row in failed} == meter.busy
    assert {row.error for row in failed} == {"DeviceBusy: latency could not be measured"}
    assert {row.state for row in failed} == {"fail"}
    assert meter.busy.isdisjoint(job.architecture for job in jobs)
    assert sum(row.state == "complete" for row in rows) == 7
    assert search.status().failed == len(failed) > 1
    assert all(cache_of(timed).get(architecture) is None for architecture in meter.busy)


def test_a_device_that_is_always_busy_stops_the_search(
    timed: SearchConfig,
    in_memory: InMemory,
    begin: Callable[..., Search],
    outcome: Outcome,
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
) -> None:
    meter.always_busy = True
    search = begin(timed, in_memory(timed), cache_of(timed))
    with pytest.raises(TooManyFailures, match="12 measurements in a row failed") as caught:
        drive(search, outcome, meter=meter)
    assert "DeviceBusy: latency could not be measured" in str(caught.value)
    # three batches of four: the first number past max_failures, 10
    assert search.status().failed == 12


def test_measurements_that_succeed_do_not_hide_trainings_that_fail(
    timed: SearchConfig,
    in_memory: InMemory,
    begin: Callable[..., Search],
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
) -> None:
    search = begin(timed, in_memory(timed), cache_of(timed))
    with pytest.raises(TooManyFailures, match="10 trials in a row failed"):
        drive(search, lambda job: "Traceback: no", at_once=1, meter=meter)


def test_a_device_in_use_ends_the_search_and_keeps_what_was_measured(
    timed: SearchConfig,
    in_memory: InMemory,
    begin: Callable[..., Search],
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
) -> None:
    def disturbed(architectures: Sequence[Architecture]) -> list[Latency | str | DeviceBusy]:
        busy = DeviceBusy("something else ran")
        return [*meter(architectures)[:2], *[busy] * (len(architectures) - 2)]

    search = begin(timed, in_memory(timed), cache_of(timed))
    with pytest.raises(DeviceBusy, match="something else ran"):
        search.meter_proposals(disturbed)
    known = cache_of(timed)
    assert [known.get(each) is not None for each in meter.batches[0]] == [True, True, False, False]


def test_a_small_space_without_anything_fast_enough_is_an_error(
    config_of: ConfigOf,
    start: Start,
    begin: Callable[..., Search],
    outcome: Outcome,
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
    tiny_description: dict[str, Any],
) -> None:
    """Also if the space has fewer architectures than rejections that end a large search."""
    config = config_of(space=tiny_description, limits={"latency_ms": 0.001, "params": 1e9})
    run, ledger = start(config)
    for _ in range(2):  # and again when it is resumed
        search = begin(config, ledger, cache_of(config))
        with pytest.raises(
            NothingFits, match=r"limits \(params <= 1G, latency_ms <= 0.001\)"
        ) as it:
            drive(search, outcome, meter=meter)
        assert "12 were tried, the smallest latency_ms seen is" in str(it.value)
        ledger = Ledger.open(config, run)


def test_repeats_know_their_latency_without_the_cache(
    timed: SearchConfig,
    start: Start,
    begin: Callable[..., Search],
    outcome: Outcome,
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
    tmp_path: Path,
) -> None:
    """Without a latency (the cache is lost or of another torch) they would leave the front."""
    run, ledger = start(timed)
    drive(begin(timed, ledger, cache_of(timed)), outcome, meter=meter, stop_after=8)
    assert len(ledger.evaluations("repeats")) == 1
    (tmp_path / "latency.jsonl").unlink()
    ledger = Ledger.open(timed, run)
    drive(begin(timed, ledger, cache_of(timed)), outcome)
    repeats = ledger.evaluations("repeats")
    assert len(repeats) > 1
    for row in repeats:
        assert row.metrics["latency_ms"] == meter.latency_ms(row.architecture)


@pytest.mark.parametrize("measured", [0, 2, 4])
def test_a_batch_that_was_not_measured_whole_is_measured_on_resuming(
    timed: SearchConfig,
    start: Start,
    begin: Callable[..., Search],
    outcome: Outcome,
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
    measured: int,
) -> None:
    """The driver dies while the meter runs, after some measurements are in the cache."""
    run, ledger = start(timed)
    search = begin(timed, ledger, cache_of(timed))

    def killed(architectures: Sequence[Architecture]) -> list[Latency | str]:
        cache = cache_of(timed)
        for architecture, latency in zip(architectures, meter(architectures), strict=True):
            if len([a for a in architectures if cache.get(a)]) < measured:
                assert isinstance(latency, Latency)
                cache.put(architecture, latency)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.meter_proposals(killed)
    (batch,) = meter.batches
    meter.batches.clear()

    ledger = Ledger.open(timed, run)
    search = begin(timed, ledger, cache_of(timed))
    assert search.status().phase == "search"
    jobs = drive(search, outcome, meter=meter)
    again = [architecture for later in meter.batches for architecture in later]
    assert set(again).isdisjoint(batch[:measured])
    assert set(batch[measured:]) <= set(again)
    rows = ledger.evaluations()
    assert sum(row.state == "complete" for row in rows) == 7
    for row in rows:
        slow = meter.latency_ms(row.architecture) > 5
        assert row.state == ("fail" if slow else "complete")
        assert bool(row.violation) == slow
        assert slow or row.metrics["latency_ms"] == meter.latency_ms(row.architecture)
    assert all(meter.latency_ms(job.architecture) <= 5 for job in jobs)


def test_a_full_batch_left_unmeasured_is_not_trained(
    config_of: ConfigOf,
    start: Start,
    begin: Callable[..., Search],
    outcome: Outcome,
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
) -> None:
    """No proposal is missing: the search has already made all of them."""
    config = config_of(
        objectives=["val_accuracy", "latency_ms"], search={"n_trials": 3, "finalist_seeds": 1}
    )
    run, ledger = start(config)

    def killed(architectures: Sequence[Architecture]) -> list[Latency | str]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin(config, ledger, cache_of(config)).meter_proposals(killed)
    search = begin(config, Ledger.open(config, run), cache_of(config))
    assert not search.finished
    assert search.needs_metering
    assert search.next_job() is None
    drive(search, outcome, meter=meter)
    assert [len(batch) for batch in meter.batches] == [3]
    assert all("latency_ms" in row.metrics for row in Ledger.open(config, run).evaluations())


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
