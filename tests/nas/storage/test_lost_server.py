"""A server that goes away in the middle of a search: nothing is lost, nothing is written twice."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.evaluation.evaluate import EvaluationResult
from nas.search.job import Job
from nas.search.loop import Search
from nas.search.waiting import Waiting
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture, Task
from search_space.cost import Costs
from tests.dropping_proxy import proxy_to
from tests.hand_driven import drive, problem_from
from tests.postgresql_server import PASSWORD, PostgreSQLServer, running_server

pytestmark = pytest.mark.many_cases

ConfigOf = Callable[..., SearchConfig]
Trained = Callable[..., EvaluationResult]
InMemory = Callable[[SearchConfig], Ledger]

NAMES = (f"lost-{number}" for number in itertools.count())

SAMPLERS: dict[str, dict[str, Any]] = {
    "pareto_local_search": {
        "sampler": {"name": "pareto_local_search", "options": {"initial_trials": 3}},
        "limits": {"params": 2000},
    },
    "nsga2": {
        "sampler": {"name": "nsga2", "options": {"population_size": 3}},
        "limits": {"params": 2000},
    },
}
"""Searches by a sampler of this project and by a foreign one, which count rejections."""


@pytest.fixture(scope="module")
def running() -> Iterator[PostgreSQLServer]:
    with running_server() as running:
        yield running


@pytest.fixture
def server(running: PostgreSQLServer) -> PostgreSQLServer:
    """The module's server, started again if a test has stopped it."""
    running.stop()
    running.start()
    return running


@pytest.fixture
def searched(task: Task, trained: Trained, costs: Callable[[Architecture], Costs]) -> Any:
    """Runs a search by hand in a ledger, to its end or until so many jobs have ended."""

    def outcome(job: Job) -> EvaluationResult:
        cost = costs(job.architecture)
        static = {"params": cost.params, "macs": cost.macs, "activations": cost.activations}
        result = trained(job.architecture, job.seed)
        return result._replace(metrics=result.metrics | static)

    def run(
        config: SearchConfig,
        ledger: Ledger,
        waiting: Waiting | None = None,
        stop_after: int | None = None,
    ) -> Search:
        search = Search(problem_from(config, task), ledger, waiting=waiting)
        drive(search, outcome, stop_after=stop_after)
        return search

    return run


@pytest.fixture
def undisturbed(config_of: ConfigOf, in_memory: InMemory, searched: Any) -> Any:
    """Makes the ledger of the same search in memory."""

    def search(**changes: Any) -> Ledger:
        config = config_of(name="whole", **changes)
        ledger = in_memory(config)
        searched(config, ledger)
        return ledger

    return search


def content(ledger: Ledger) -> list[Any]:
    """All that a search has written, but for times."""
    columns = ("number", "state", "architecture", "seed", "metrics", "curve", "violation", "error")
    rows = [
        [getattr(row, column) for column in columns]
        for kind in ("search", "repeats")
        for row in ledger.evaluations(kind)
    ]
    return [rows, ledger.rejections().to_json()]


@contextmanager
def at_statements(indices: set[int], act: Callable[[], Any]) -> Iterator[list[int]]:
    """Within it, ``act`` is called before the statements of these indices; yields their count."""
    count = [0]

    def before(*_: Any) -> None:
        count[0] += 1
        if count[0] in indices:
            act()

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield count
    finally:
        event.remove(Engine, "before_cursor_execute", before)


def make(config: SearchConfig, runs: Any, waiting: Waiting) -> Ledger:
    return Ledger.create(config, RunFolder.create(runs, config), waiting)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seed"), [("pareto_local_search", 0), ("nsga2", 1), ("nsga2", 2)])
def test_sessions_that_are_ended_at_any_statement_change_nothing(
    server: PostgreSQLServer,
    config_of: ConfigOf,
    undisturbed: Any,
    searched: Any,
    runs: Any,
    kind: str,
    seed: int,
) -> None:
    expected = undisturbed(**SAMPLERS[kind])
    config = config_of(name=next(NAMES), storage=server.url, **SAMPLERS[kind])
    waiting = Waiting()
    ended: list[int] = []
    rng = random.Random(seed)
    statements = {3, *rng.sample(range(400), 6)}  # one of them while the ledger is made
    with at_statements(statements, lambda: ended.append(server.end_sessions())) as count:
        ledger = make(config, runs, waiting)
        searched(config, ledger, waiting)
    assert count[0] > max(statements)
    assert sum(ended) >= len(ended) == len(statements)
    assert content(ledger) == content(expected)
    assert content(Ledger.read(config, RunFolder(runs / config.name))) == content(expected)


@pytest.mark.parametrize(
    ("kind", "immediate"),
    [pytest.param("pareto_local_search", False, marks=pytest.mark.slow), ("nsga2", True)],
    ids=["stopped", "crashed"],
)
def test_a_server_that_stops_and_starts_is_waited_for(
    server: PostgreSQLServer,
    config_of: ConfigOf,
    undisturbed: Any,
    searched: Any,
    runs: Any,
    kind: str,
    immediate: bool,
) -> None:
    expected = undisturbed(**SAMPLERS[kind])
    config = config_of(name=next(NAMES), storage=server.url, **SAMPLERS[kind])
    shown: set[str] = set()
    waiting = Waiting(lambda: shown.add(waiting.text))
    starts: list[threading.Timer] = []

    def stop() -> None:
        server.stop(immediate=immediate)
        starts.append(threading.Timer(0.7, server.begin_start))
        starts[-1].start()

    with at_statements({9, 150, 260}, stop):
        ledger = make(config, runs, waiting)
        searched(config, ledger, waiting)
    for timer in starts:
        timer.join()
    assert len(starts) == 3
    assert content(ledger) == content(expected)
    assert any("waiting" not in text and "storage postgresql" in text for text in shown)
    assert all(PASSWORD not in text for text in shown)


@pytest.mark.parametrize(
    ("commit", "where", "crash"),
    [
        (1, "after", False),
        pytest.param(2, "before", False, marks=pytest.mark.slow),
        (5, "after", True),
        pytest.param(12, "after", False, marks=pytest.mark.slow),
        (14, "before", True),
    ],
)
def test_a_commit_whose_answer_is_lost_is_done_once(
    server: PostgreSQLServer,
    config_of: ConfigOf,
    undisturbed: Any,
    searched: Any,
    runs: Any,
    commit: int,
    where: Literal["before", "after"],
    crash: bool,
) -> None:
    changes = SAMPLERS["nsga2"]
    expected = undisturbed(**changes)
    waiting = Waiting()
    commits = itertools.count(1)
    with proxy_to(server.port) as proxy:
        config = config_of(name=next(NAMES), storage=server.url_at(proxy.port), **changes)

        def drop(_: Any) -> None:
            if next(commits) == commit:
                proxy.drop = where
                if crash:
                    proxy.on_drop = crashed

        def crashed() -> None:
            server.stop(immediate=True)
            server.begin_start()

        event.listen(Engine, "commit", drop)
        try:
            ledger = make(config, runs, waiting)
            searched(config, ledger, waiting)
        finally:
            event.remove(Engine, "commit", drop)
        assert proxy.dropped == 1
        assert content(ledger) == content(expected)


def test_when_patience_ends_one_line_says_how_to_go_on(
    server: PostgreSQLServer,
    config_of: ConfigOf,
    undisturbed: Any,
    searched: Any,
    runs: Any,
) -> None:
    expected = undisturbed()
    search = {"n_trials": 6, "finalist_seeds": 2, "patience_minutes": 0.02}
    config = config_of(name=next(NAMES), storage=server.url, search=search)
    waiting = Waiting()
    ledger = make(config, runs, waiting)
    with at_statements({150}, server.stop), pytest.raises(RunError) as caught:
        searched(config, ledger, waiting)
    message = str(caught.value)
    assert "\n" not in message
    assert PASSWORD not in message
    assert f"127.0.0.1:{server.port}" in message
    assert "after 1s, search.patience_minutes" in message
    assert "--resume" in message
    began = time.monotonic()
    with pytest.raises(RunError, match="cannot be reached"):  # and nothing waits any more
        ledger.evaluations()
    assert time.monotonic() - began < 0.5
    server.start()
    run = RunFolder(runs / config.name, trust=True)
    resumed = Ledger.resume(config, run, waiting)
    searched(config, resumed, waiting)
    assert content(resumed) == content(expected)


def test_a_run_is_resumed_and_opened_when_its_server_is_there_again(
    server: PostgreSQLServer,
    config_of: ConfigOf,
    searched: Any,
    runs: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    config = config_of(name=next(NAMES), storage=server.url)
    searched(config, make(config, runs, Waiting()), stop_after=2)
    run = RunFolder(runs / config.name, trust=True)
    for again in (
        lambda: Ledger.resume(config, run, Waiting()),
        lambda: Ledger.open(config, run, Waiting()),
        lambda: ledger_of(run, writes=True, waits=Waiting())[1],
    ):
        server.stop()
        timer = threading.Timer(0.5, server.begin_start)
        timer.start()
        assert len(again().evaluations()) >= 2
        timer.join()
    server.stop()
    began = time.monotonic()
    with pytest.raises(RunError, match="cannot be reached"):  # a command that reads does not wait
        ledger_of(run)
    assert time.monotonic() - began < 0.5


def test_a_server_that_refuses_is_not_waited_for(
    server: PostgreSQLServer, config_of: ConfigOf, runs: Any
) -> None:
    for number, (right, wrong) in enumerate(
        [("s3cret", "wr0ng"), ("nas:", "other:"), ("/postgres", "/nowhere")]
    ):
        config = config_of(name=f"refused-{number}", storage=server.url.replace(right, wrong))
        began = time.monotonic()
        with pytest.raises(RunError, match=r"password|does not exist"):
            make(config, runs, Waiting())
        assert time.monotonic() - began < 2
