"""The latency filter: measurements in batches, and rejection of the slow."""

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
from nas.storage.candidates import pareto_front
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture, Task
from search_space.cost import Costs
from search_space.cost.latency_record import DeviceBusy, Latency
from tests.hand_driven import drive, search_of
from tests.invented_latency import invented_latency

pytestmark = pytest.mark.many_cases

Begin = Callable[[SearchConfig, Ledger], Search]
ConfigOf = Callable[..., SearchConfig]
InMemory = Callable[[SearchConfig], Ledger]
Outcome = Callable[[Job], EvaluationResult | str]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]


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
        return invented_latency(self.latency_ms(architecture))


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


@pytest.fixture
def begin(task: Task, cache_of: Callable[[SearchConfig], LatencyCache]) -> Begin:
    """Begin or resume a search that measures latencies."""
    return lambda config, ledger: search_of(config, ledger, task, latencies=cache_of(config))


def test_latency_is_measured_in_batches_between_trainings(
    timed: SearchConfig,
    start: Start,
    begin: Begin,
    outcome: Outcome,
    meter: Meter,
) -> None:
    run, ledger = start(timed)
    search = begin(timed, ledger)
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
    begin: Begin,
    outcome: Outcome,
    meter: Meter,
) -> None:
    config = config_of(
        objectives=["val_accuracy", "latency_ms"],
        search={"n_trials": 5, "finalist_seeds": 1},
        latency={"candidates_per_batch": 3},
    )
    search = begin(config, in_memory(config))
    drive(search, outcome, meter=meter)
    assert [len(batch) for batch in meter.batches] == [3, 2]


def test_what_cannot_be_measured_is_a_failure(
    timed: SearchConfig,
    in_memory: InMemory,
    begin: Begin,
    outcome: Outcome,
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
) -> None:
    ledger = in_memory(timed)
    search = begin(timed, ledger)

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
    begin: Begin,
    outcome: Outcome,
    meter: Meter,
) -> None:
    meter.always_busy = True
    search = begin(timed, in_memory(timed))
    with pytest.raises(TooManyFailures, match="12 measurements in a row failed") as caught:
        drive(search, outcome, meter=meter)
    assert "DeviceBusy: latency could not be measured" in str(caught.value)
    # three batches of four: the first number past max_failures, 10
    assert search.status().failed == 12


def test_measurements_that_succeed_do_not_hide_trainings_that_fail(
    timed: SearchConfig,
    in_memory: InMemory,
    begin: Begin,
    meter: Meter,
) -> None:
    search = begin(timed, in_memory(timed))
    with pytest.raises(TooManyFailures, match="10 trials in a row failed"):
        drive(search, lambda job: "Traceback: no", at_once=1, meter=meter)


def test_a_device_in_use_ends_the_search_and_keeps_what_was_measured(
    timed: SearchConfig,
    in_memory: InMemory,
    begin: Begin,
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
) -> None:
    def disturbed(architectures: Sequence[Architecture]) -> list[Latency | str | DeviceBusy]:
        busy = DeviceBusy("something else ran")
        return [*meter(architectures)[:2], *[busy] * (len(architectures) - 2)]

    search = begin(timed, in_memory(timed))
    with pytest.raises(DeviceBusy, match="something else ran"):
        search.meter_proposals(disturbed)
    known = cache_of(timed)
    assert [known.get(each) is not None for each in meter.batches[0]] == [True, True, False, False]


def test_a_small_space_without_anything_fast_enough_is_an_error(
    config_of: ConfigOf,
    start: Start,
    begin: Begin,
    outcome: Outcome,
    meter: Meter,
    tiny_description: dict[str, Any],
) -> None:
    """Also if the space has fewer architectures than rejections that end a large search."""
    config = config_of(space=tiny_description, limits={"latency_ms": 0.001, "params": 1e9})
    run, ledger = start(config)
    for _ in range(2):  # and again when it is resumed
        search = begin(config, ledger)
        with pytest.raises(
            NothingFits, match=r"limits \(params <= 1G, latency_ms <= 0.001\)"
        ) as it:
            drive(search, outcome, meter=meter)
        assert "12 were tried, the smallest latency_ms seen is" in str(it.value)
        ledger = Ledger.open(config, run)


def test_repeats_know_their_latency_without_the_cache(
    timed: SearchConfig,
    start: Start,
    begin: Begin,
    outcome: Outcome,
    meter: Meter,
    tmp_path: Path,
) -> None:
    """Without a latency (the cache is lost or of another torch) they would leave the front."""
    run, ledger = start(timed)
    drive(begin(timed, ledger), outcome, meter=meter, stop_after=8)
    assert len(ledger.evaluations("repeats")) == 1
    (tmp_path / "latency.jsonl").unlink()
    ledger = Ledger.open(timed, run)
    drive(begin(timed, ledger), outcome)
    repeats = ledger.evaluations("repeats")
    assert len(repeats) > 1
    for row in repeats:
        assert row.metrics["latency_ms"] == meter.latency_ms(row.architecture)


@pytest.mark.parametrize("measured", [0, 2, 4])
def test_a_batch_that_was_not_measured_whole_is_measured_on_resuming(
    timed: SearchConfig,
    start: Start,
    begin: Begin,
    outcome: Outcome,
    meter: Meter,
    cache_of: Callable[[SearchConfig], LatencyCache],
    measured: int,
) -> None:
    """The driver dies while the meter runs, after some measurements are in the cache."""
    run, ledger = start(timed)
    search = begin(timed, ledger)

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
    search = begin(timed, ledger)
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
    begin: Begin,
    outcome: Outcome,
    meter: Meter,
) -> None:
    """No proposal is missing: the search has already made all of them."""
    config = config_of(
        objectives=["val_accuracy", "latency_ms"], search={"n_trials": 3, "finalist_seeds": 1}
    )
    run, ledger = start(config)

    def killed(architectures: Sequence[Architecture]) -> list[Latency | str]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin(config, ledger).meter_proposals(killed)
    search = begin(config, Ledger.open(config, run))
    assert not search.finished
    assert search.needs_metering
    assert search.next_job() is None
    drive(search, outcome, meter=meter)
    assert [len(batch) for batch in meter.batches] == [3]
    assert all("latency_ms" in row.metrics for row in Ledger.open(config, run).evaluations())
