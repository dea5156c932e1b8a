"""Workers that are lost: their jobs run again, and few are lost on the same architecture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from nas.config.search_config import SearchConfig
from nas.errors import ClusterError
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.lost_workers import LostWorker, account_of, is_to_blame, nodes_to_avoid
from nas.search.job import Job
from nas.search.loop import Search
from nas.search.time_limit import FINISHED_TRIALS
from nas.storage.ledger import Ledger
from search_space.architecture import Task
from tests.hand_driven import drive, search_of

ConfigOf = Callable[..., SearchConfig]
InMemory = Callable[[SearchConfig], Ledger]
Outcome = Callable[[Job], EvaluationResult | str]


@pytest.mark.parametrize(
    ("lost", "nodes", "blamed"),
    [
        ("aa", 1, False),
        ("aaa", 1, True),
        ("aaa", 2, False),  # it may be the node
        ("aab", 2, True),
        ("aaab", 2, True),
        ("aaa", 5, False),
        ("AAAA", 1, False),  # faults of the machine
        ("aAaA", 1, False),
    ],
)
def test_three_workers_on_two_nodes_are_to_blame(lost: str, nodes: int, blamed: bool) -> None:
    """Each letter is a worker lost on that node; upper case does not count."""
    workers = [LostWorker(letter.lower(), "killed", 1.0, letter.islower()) for letter in lost]
    assert is_to_blame(workers, nodes) == blamed


def test_a_third_attempt_avoids_the_node_of_the_first_two() -> None:
    def on(*nodes: str) -> tuple[str, ...]:
        return nodes_to_avoid([LostWorker(node, "killed", 1.0) for node in nodes])

    assert on() == on("a") == on("a", "b") == on("", "") == ()
    assert on("a", "a") == on("a", "a", "a") == ("a",)


def test_the_account_ends_with_the_last_cause() -> None:
    lost = [LostWorker("a", "x", 1.0), LostWorker("b", "y", 1.0, counts=False)]
    lost += [LostWorker("b", "z", 1.0), LostWorker("b", "its process died", 1.0)]
    assert account_of(lost) == (
        "3 workers were lost on it, on 2 nodes; the last one died: its process died"
    )


def losing(search: Search, outcome: Outcome, losses: Callable[[Job], int]) -> list[Job]:
    """Run a search; each job loses so many workers before one trains it. Return all jobs."""
    lost: Counter[tuple[str, str, int]] = Counter()
    begun = []
    while not search.finished:
        job = search.next_job()
        assert job is not None
        begun.append(job)
        key = (job.kind, job.architecture.arch_id, job.seed)
        if lost[key] < losses(job):
            lost[key] += 1
            search.lost(job, "a", "killed", counts=True, nodes=1)
            continue
        result = outcome(job)
        assert isinstance(result, EvaluationResult)
        search.completed(job, result)
    return begun


def test_a_search_that_loses_workers_ends_as_the_undisturbed_one(
    config_of: ConfigOf, in_memory: InMemory, outcome: Outcome, task: Task
) -> None:
    config = config_of(search={"n_trials": 10, "finalist_seeds": 2})
    undisturbed, disturbed = in_memory(config), in_memory(config)
    drive(search_of(config, undisturbed, task), outcome, at_once=1)
    search = search_of(config, disturbed, task)
    begun = losing(search, outcome, lambda job: job.number % 3)
    for kind in ("search", "repeats"):
        rows, others = undisturbed.evaluations(kind), disturbed.evaluations(kind)
        assert [(row.number, row.arch_id, row.seed, row.metrics) for row in rows] == [
            (row.number, row.arch_id, row.seed, row.metrics) for row in others
        ]
    lost = [len(row.lost_workers) for row in disturbed.evaluations("search")]
    assert lost == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    status = search.status()
    assert status.retries == len(begun) - 10 - len(disturbed.evaluations("repeats")) > 9
    assert (status.retry_reason, status.failed) == ("killed", 0)
    again = search_of(config, disturbed, task).status()  # of the next driver
    assert again.retries == status.retries
    assert again.lost_seconds == pytest.approx(status.lost_seconds)


def test_an_architecture_that_costs_three_workers_fails_and_its_row_says_so(
    config_of: ConfigOf, in_memory: InMemory, outcome: Outcome, task: Task
) -> None:
    config = config_of(search={"n_trials": 6, "finalist_seeds": 1, "noise_candidates": 0})
    ledger = in_memory(config)
    losing(search_of(config, ledger, task), outcome, lambda job: 3 if job.number == 2 else 0)
    rows = ledger.evaluations("search")
    assert [row.state for row in rows].count("complete") == 6
    assert rows[2].state == "fail"
    assert rows[2].error == ("3 workers were lost on it, on one node; the last one died: killed")
    assert rows[2].lost_workers == tuple(
        LostWorker("a", "killed", worker.seconds) for worker in rows[2].lost_workers
    )


def test_workers_lost_before_a_resume_count_after_it(
    config_of: ConfigOf, in_memory: InMemory, task: Task
) -> None:
    config = config_of()
    ledger = in_memory(config)
    for driver in range(3):
        search = search_of(config, ledger, task)
        job = search.next_job()
        assert job is not None
        assert job.number == 0
        search.lost(job, "a", f"killed by driver {driver}", counts=True, nodes=1)
    (row,) = ledger.evaluations("search")
    assert row.state == "fail"
    assert [worker.cause[-1] for worker in row.lost_workers] == ["0", "1", "2"]


def test_faults_of_the_machine_end_a_search_when_they_do_not_end(
    config_of: ConfigOf, in_memory: InMemory, task: Task
) -> None:
    """The trial stays unfinished, so that a resume takes it up again."""
    config = config_of()
    ledger = in_memory(config)
    search = search_of(config, ledger, task)

    def lose_until_it_ends() -> None:
        for _ in range(100):
            job = search.next_job()
            assert job is not None
            assert job.number == 0
            search.lost(job, "a", "no space left on device", counts=False, nodes=1)

    with pytest.raises(ClusterError) as raised:
        lose_until_it_ends()
    assert str(raised.value) == (
        "12 workers in a row were lost, and no training ended in between; the last one: no space "
        "left on device; mend the machine, then continue with --resume"
    )
    assert [row.state for row in ledger.evaluations("search")] == ["running"]


def test_a_training_may_take_a_multiple_of_similar_ones(
    config_of: ConfigOf,
    in_memory: InMemory,
    trained: Callable[..., EvaluationResult],
    task: Task,
) -> None:
    config = config_of(search={"n_trials": 12, "finalist_seeds": 1, "timeout_minutes": 0.5})
    search = search_of(config, in_memory(config), task)
    for seconds in range(1, FINISHED_TRIALS + 1):
        job = search.next_job()
        assert job is not None
        assert search.seconds_allowed(job) is None
        result = trained(job.architecture, job.seed)
        search.completed(job, result._replace(device_seconds=100.0 * seconds))
    job = search.next_job()
    assert job is not None
    allowed = search.seconds_allowed(job)
    assert allowed is not None
    assert allowed % 500 == 0  # 10 times the median of some of 100, 200, ... 500 s
    assert 1000 <= allowed <= 5000


@pytest.mark.parametrize(("minutes", "seconds"), [(7.0, 420.0), (None, None)])
def test_a_training_may_take_some_minutes_in_any_case(
    config_of: ConfigOf,
    in_memory: InMemory,
    outcome: Outcome,
    task: Task,
    minutes: float | None,
    seconds: float | None,
) -> None:
    config = config_of(search={"n_trials": 12, "timeout_minutes": minutes})
    search = search_of(config, in_memory(config), task)
    drive(search, outcome, stop_after=FINISHED_TRIALS)
    job = search.next_job()
    assert job is not None
    assert search.seconds_allowed(job) == seconds
