"""The front's second measurement: what it asks for, what it changes, and what it refuses."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from nas.cli.commands.search.front_report import report_search
from nas.cli.commands.train.picks import picked_architectures
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.costs.limits import Limits
from nas.errors import RunError
from nas.evaluation.evaluate import EvaluationResult
from nas.latency.cache import LatencyCache
from nas.latency.measurements import all_candidates, first_latencies, measure_front_again
from nas.storage.candidates import pareto_front
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture, Task
from search_space.cost.latency_record import DeviceBusy, Latency
from tests.hand_driven import HandDriven, search_of
from tests.invented_latency import invented_latency

FIRST_MS = (1.0, 2.0, 3.0, 4.0, 5.0)
ACCURACIES = (0.5, 0.6, 0.55, 0.8, 0.7)  # the front: numbers 0, 1 and 3


@pytest.fixture
def config(config_of: Callable[..., SearchConfig]) -> SearchConfig:
    return config_of(
        objectives=["val_accuracy_by_latency", "latency_ms"],
        sampler={"name": "random"},
        latency={"target_ms": 2.0, "candidates_per_batch": 2},
    )


@pytest.fixture
def ledger(
    config: SearchConfig,
    in_memory: Callable[[SearchConfig], Ledger],
    propose_from: Callable[..., HandDriven],
) -> Ledger:
    """Five trained candidates."""
    ledger = in_memory(config)
    proposals = propose_from(config, ledger)
    for first_ms, accuracy in zip(FIRST_MS, ACCURACIES, strict=True):
        trained = {"val_accuracy": accuracy}
        metrics = trained | {
            "latency_ms": first_ms,
            "val_accuracy_by_latency": config.latency.weighed(accuracy, first_ms),
        }
        proposal = proposals.propose()
        result = EvaluationResult(trained, [], 1.0)
        proposals.complete(proposal, metrics, result, invented_latency(first_ms))
    return ledger


class Meter:
    """Gives each architecture, by its number in the ledger, another latency."""

    def __init__(self, ledger: Ledger, again_ms: Sequence[float], **changes: Any) -> None:
        rows = ledger.evaluations("search")
        self.number = {row.architecture: row.number for row in rows}
        self.again_ms = again_ms
        self.changes = changes
        self.asked: list[list[int]] = []

    def __call__(self, architectures: Sequence[Architecture]) -> list[Latency | str]:
        numbers = [self.number[architecture] for architecture in architectures]
        self.asked.append(numbers)
        return [invented_latency(self.again_ms[number], **self.changes) for number in numbers]


def test_the_front_is_measured_again_until_all_of_it_is(
    config: SearchConfig, ledger: Ledger
) -> None:
    """Number 3 turns out so slow that 4 comes onto the front, and is measured in its turn."""
    meter = Meter(ledger, [1.0, 2.1, 9.9, 8.0, 5.2])
    rounds: list[int] = []
    apart = measure_front_again(config, ledger, meter, rounds.append)
    assert [sorted(batch) for batch in meter.asked] == [[0, 1], [3], [4]]
    assert rounds == [2, 1, 1]
    by_number = {meter.number[each.architecture]: each for each in all_candidates(config, ledger)}
    for number, first, again, mean in ((1, 2.0, 2.1, 2.05), (3, 4.0, 8.0, 6.0), (4, 5, 5.2, 5.1)):
        metrics = by_number[number].metrics
        assert (metrics["latency_ms_first"], metrics["latency_ms_again"]) == (first, again)
        assert metrics["latency_ms"] == again  # the first one chose it
        assert by_number[number].choice["latency_ms"] == pytest.approx(mean)
        weighed = config.latency.weighed(ACCURACIES[number], metrics["latency_ms"])
        assert metrics["val_accuracy_by_latency"] == weighed
    assert by_number[2].metrics["latency_ms"] == 3.0
    assert "latency_ms_again" not in by_number[2].metrics
    assert [(each.first_ms, each.again_ms) for each in apart] == [(4.0, 8.0)]
    assert apart[0].share == pytest.approx(4 / 6)
    members = pareto_front(list(by_number.values()), ["val_accuracy", "latency_ms"])
    assert [meter.number[member.architecture] for member in members] == [0, 1, 4, 3]
    # the search's own record is as it was
    assert [row.metrics["latency_ms"] for row in ledger.evaluations("search")] == list(FIRST_MS)


def test_a_search_records_the_weighed_accuracy(
    config: SearchConfig,
    in_memory: Callable[[SearchConfig], Ledger],
    trained: Callable[..., EvaluationResult],
    task: Task,
    tmp_path: Path,
) -> None:
    ledger = in_memory(config)
    cache = LatencyCache(tmp_path / "latency.jsonl", task, config.latency)
    search = search_of(config, ledger, task, latencies=cache)
    given = iter([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    while not search.finished:
        if search.needs_metering:
            search.meter_proposals(lambda batch: [invented_latency(next(given)) for _ in batch])
        job = search.next_job()
        assert job is not None
        search.completed(job, trained(job.architecture, job.seed))
    trials = ledger.study("search").get_trials()
    assert sorted(trial.values[1] for trial in trials) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    for row, trial in zip(ledger.evaluations("search"), trials, strict=True):
        latency_ms = row.metrics["latency_ms"]
        weighed = row.metrics["val_accuracy"] * (latency_ms / 2.0) ** -0.07
        assert row.metrics["val_accuracy_by_latency"] == pytest.approx(weighed)
        assert trial.values == [row.metrics["val_accuracy_by_latency"], latency_ms]
    assert ledger.study("search").directions[0].name == "MAXIMIZE"


def test_what_turns_out_to_be_over_the_limit_is_on_no_front(
    config: SearchConfig, ledger: Ledger, runs: Path, task: Task
) -> None:
    """Number 3's second one is over the limit, so that 4 comes onto the front; a repeat fails."""
    config = config.replace(limits=Limits(latency_ms=5.0))
    meter = Meter(ledger, [1.0, 2.0, 3.0, 5.2, 4.8])  # the mean of 4 and 5.2 is within the limit
    measure_front_again(config, ledger, meter, lambda number: None)
    assert [sorted(batch) for batch in meter.asked] == [[0, 1], [3], [4]]
    run = RunFolder.create(runs, config)
    run.write_json("task.json", task.model_dump(mode="json"))
    rows = ledger.evaluations("search")
    fields: dict[str, Any] = {
        "metrics": {},
        "curve": [],
        "device_seconds": 0.0,
        "recipe_id": "proxy",
    }
    ledger.add("repeats", rows[0].architecture, seed=4, error="Traceback:\nIt is so", **fields)
    output = io.StringIO()
    report_search(Output(file=output, width=200), run, config, ledger)
    said = f"over limits.latency_ms=5, left out: {rows[3].arch_id} (5.2 ms)"
    assert output.getvalue().count(said) == 1
    assert "1 of 1 repeats of the front failed" in output.getvalue()
    front = json.loads((run.path / "front.json").read_text())
    shown = [member["arch_id"] for member in front["members"]]
    assert shown == [rows[number].arch_id for number in (0, 1, 4)]
    picked = picked_architectures("all", config, ledger, run)
    assert [architecture.arch_id for architecture in picked] == shown
    assert picked_architectures(rows[3].arch_id, config, ledger, run) == [rows[3].architecture]


def test_a_front_measured_in_part_is_kept(config: SearchConfig, ledger: Ledger) -> None:
    meter = Meter(ledger, FIRST_MS)

    def disturbed(architectures: Sequence[Architecture]) -> list[Latency | str | DeviceBusy]:
        return [meter(architectures)[0], DeviceBusy("something else ran")]

    with pytest.raises(DeviceBusy, match="something else ran"):
        measure_front_again(config, ledger, disturbed, lambda number: None)
    meter.asked.clear()
    measure_front_again(config, ledger, meter, lambda number: None)
    assert [len(batch) for batch in meter.asked] == [2]  # of three


def test_what_was_measured_again_is_not_measured_a_third_time(
    config: SearchConfig, ledger: Ledger
) -> None:
    def interrupted(number: int) -> None:
        if meter.asked:
            raise KeyboardInterrupt

    meter = Meter(ledger, FIRST_MS)
    with pytest.raises(KeyboardInterrupt):
        measure_front_again(config, ledger, meter, interrupted)
    assert measure_front_again(config, ledger, meter, lambda number: None) == []
    assert [sorted(batch) for batch in meter.asked] == [[0, 1], [3]]


@pytest.mark.parametrize(
    "changes",
    [{"device": "another"}, {"torch_version": "3"}, {"threads": 2}, {"attention": "torch"}],
    ids=str,
)
def test_measurements_that_do_not_compare_are_refused(
    config: SearchConfig, ledger: Ledger, changes: dict[str, Any]
) -> None:
    name = next(iter(changes))
    with pytest.raises(RunError, match=f"do not compare: {name}"):
        measure_front_again(config, ledger, Meter(ledger, FIRST_MS, **changes), lambda number: None)
    assert all("latency_ms_again" not in c.metrics for c in all_candidates(config, ledger))


def test_a_ledger_of_two_devices_is_not_queried(
    config: SearchConfig, ledger: Ledger, propose_from: Callable[..., HandDriven]
) -> None:
    proposals = propose_from(config, ledger)
    metrics = {"val_accuracy": 0.5, "latency_ms": 1.0, "val_accuracy_by_latency": 0.5}
    result = EvaluationResult({"val_accuracy": 0.5}, [], 1.0)
    proposals.complete(
        proposals.propose(), metrics, result, invented_latency(1.0, device="another")
    )
    with pytest.raises(RunError, match=r"memory: .* device 'a processor' and 'another'"):
        all_candidates(config, ledger)


def test_a_second_latency_without_a_first_is_one_message(
    config: SearchConfig, ledger: Ledger, propose_from: Callable[..., HandDriven]
) -> None:
    proposals = propose_from(config, ledger)
    proposal = proposals.propose()
    metrics = {"val_accuracy": 0.9, "latency_ms": 1.0, "val_accuracy_by_latency": 0.9}
    proposals.complete(proposal, metrics, EvaluationResult({"val_accuracy": 0.9}, [], 1.0), None)
    assert len(all_candidates(config, ledger)) == len(FIRST_MS) + 1
    arch_id = proposal.architecture.arch_id
    records = {arch_id: invented_latency(1.0).model_dump(mode="json")}
    ledger.study("search").set_user_attr("latencies_again", records)
    with pytest.raises(
        RunError, match=rf"{arch_id}: it has a second latency and no first"
    ) as caught:
        all_candidates(config, ledger)
    assert str(caught.value).startswith(ledger.place)


def test_a_resumed_run_measures_on_the_same_device(
    config: SearchConfig, ledger: Ledger, task: Task, tmp_path: Path
) -> None:
    """Also where the cache's own records were made by another torch and are not taken."""
    compared = {each.context for each in first_latencies(ledger).values()}
    file = tmp_path / "latency.jsonl"
    cache = LatencyCache(file, task, config.latency, {"the ledger": compared.pop()})
    architecture = ledger.evaluations("search")[0].architecture
    with pytest.raises(RunError, match=r"the ledger: .* torch_version '2' and '3'"):
        cache.put(architecture, invented_latency(1.0, torch_version="3"))
    cache.put(architecture, invented_latency(1.0))
    assert file.exists()
