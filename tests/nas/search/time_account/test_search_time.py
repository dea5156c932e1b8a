"""The time of a search's workers in its ledger: rows and sessions, whatever becomes of a trial."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.evaluation.evaluate import EvaluationResult
from nas.search.job import Job
from nas.search.loop import Search
from nas.storage.device_time import device_time
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.storage.sessions import Session, attribute_name, sessions_in
from search_space.architecture import Task
from tests.hand_driven import search_of
from tests.postgresql_server import PostgreSQLServer, running_server

ConfigOf = Callable[..., SearchConfig]
InMemory = Callable[[SearchConfig], Ledger]
Trained = Callable[..., EvaluationResult]

SECONDS = {"training": 2.0, "evaluation": 1.0, "waiting_driver": 0.5}


def next_started(search: Search, worker: str) -> Job:
    job = search.next_job()
    assert job is not None
    search.time.places.started(job, worker)
    return job


def check_whole_account(search: Search, ledger: Ledger, trained: Trained) -> None:
    """Drive a search on two places through every end of a job, and look at rows and sessions."""
    with search.time.session(2):
        done = next_started(search, "a")
        search.completed(done, trained(done.architecture)._replace(seconds=SECONDS))
        failed = next_started(search, "b")
        search.failed(failed, "it raised", {"preparation": 4.0})
        lost = next_started(search, "c")
        search.lost(lost, "node", "its process died", counts=True, nodes=1)
        stopped = next_started(search, "d")
        part = trained(stopped.architecture)._replace(metrics={}, seconds=SECONDS)
        search.stopped(stopped, part, epoch=1)
        next_started(search, "e")  # runs at the end, and is lost
    rows = {row.number: row for row in ledger.evaluations("search")}
    assert rows[done.number].seconds == SECONDS
    assert rows[failed.number].seconds == {"preparation": 4.0}
    assert rows[failed.number].spent_seconds == 4.0
    assert rows[stopped.number].seconds == SECONDS
    assert rows[stopped.number].spent_seconds == 3.0 + sum(
        worker.seconds for worker in rows[stopped.number].lost_workers
    )
    assert [worker.cause for worker in rows[lost.number].lost_workers] == ["its process died"]
    (session,) = ledger.sessions()
    assert (session.workers, session.trainings, session.running) == (2, 3, 0)
    assert session.ended
    assert session.seconds["lost"] > 0
    spent = device_time(list(rows.values()), [session], is_driven=False)
    assert spent.seconds["training"] == 4.0
    assert spent.seconds["lost"] > session.seconds["lost"]
    assert spent.worker_seconds == session.wall_seconds * 2


def test_every_end_of_a_trial_keeps_its_seconds(
    config_of: ConfigOf,
    start: Callable[[SearchConfig], tuple[RunFolder, Ledger]],
    trained: Trained,
    task: Task,
) -> None:
    config = config_of()
    _, ledger = start(config)
    check_whole_account(search_of(config, ledger, task), ledger, trained)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQLServer]:
    with running_server() as started:
        yield started


def test_postgresql_keeps_them_too(
    config_of: ConfigOf, server: PostgreSQLServer, trained: Trained, task: Task, tmp_path: Path
) -> None:
    config = config_of(storage=server.url)
    ledger = Ledger.create(config, RunFolder.create(tmp_path, config))
    check_whole_account(search_of(config, ledger, task), ledger, trained)
    ledger.close()


def test_the_seconds_of_several_attempts_add_up(
    config_of: ConfigOf, in_memory: InMemory, trained: Trained, task: Task
) -> None:
    """A latency measurement and what was trained before a pause belong to the trial."""
    config = config_of()
    ledger = in_memory(config)
    search = search_of(config, ledger, task)
    job = search.next_job()
    assert job is not None
    search.trials.note_latency([job.number], 6.0)
    part = trained(job.architecture)._replace(metrics={}, seconds=SECONDS)
    search.trials.pause(job.number, part, None, epoch=1)
    assert ledger.evaluations("search")[0].seconds == SECONDS | {"latency": 6.0}

    again = search_of(config, ledger, task)  # the next driver
    again.trials.start(job.number)
    result = trained(job.architecture)
    again.trials.complete(job.number, {"val_accuracy": 0.5, "params": 1.0}, result, None)
    (row,) = ledger.evaluations("search")
    assert row.seconds == SECONDS | {"latency": 6.0}
    assert row.spent_seconds == 9.0


def test_a_session_is_written_while_it_runs_and_another_begins_after_it(
    config_of: ConfigOf, in_memory: InMemory, task: Task
) -> None:
    config = config_of()
    ledger = in_memory(config)
    search = search_of(config, ledger, task)
    with search.time.session(3):
        (session,) = ledger.sessions()
        assert not session.ended
        search.time.note()  # too early
        assert ledger.sessions() == [session]
    with search.time.session(1):
        assert [each.workers for each in ledger.sessions()] == [3, 1]
        assert [each.ended for each in ledger.sessions()] == [True, False]


def test_a_session_that_breaks_off_is_written_and_hides_no_error(
    config_of: ConfigOf,
    in_memory: InMemory,
    task: Task,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = config_of()
    ledger = in_memory(config)
    search = search_of(config, ledger, task)
    with pytest.raises(KeyboardInterrupt), search.time.session(1):
        raise KeyboardInterrupt
    assert [each.ended for each in ledger.sessions()] == [True]

    def refuse(name: str, value: object) -> None:
        raise RunError("the storage is away")

    def break_off() -> None:
        with search.time.session(1):
            monkeypatch.setattr(search.trials, "write_attribute", refuse)
            raise KeyboardInterrupt

    with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
        break_off()
    assert "is not written: the storage is away" in caplog.text


def session_of(**changes: object) -> Session:
    now = datetime.now(UTC)
    fields = {"began": now, "updated": now, "wall_seconds": 10.0, "workers": 2, "trainings": 0}
    return Session.model_validate(fields | {"running": 1, "running_seconds": 3.0} | changes)


def test_what_ran_when_a_driver_was_killed_is_lost() -> None:
    killed = session_of(seconds={"waiting_driver": 17.0})
    living = session_of(seconds={"waiting_driver": 4.0}, running_seconds=16.0)
    spent = device_time([], [killed, living], is_driven=True)
    assert spent.seconds == {"waiting_driver": 21.0, "lost": 3.0}
    assert (spent.running_seconds, spent.worker_seconds, spent.accounted_share) == (16.0, 40.0, 1)
    later = device_time([], [killed, living], is_driven=False)
    assert (later.seconds["lost"], later.running_seconds) == (19.0, 0.0)


def test_the_time_left_runs_down_between_two_writes() -> None:
    session = session_of(remaining_seconds=60.0, trainings=5)
    later = datetime.fromtimestamp(session.updated.timestamp() + 45, UTC)
    assert session.remaining_seconds_at(later) == pytest.approx(15)
    assert session.trainings_per_hour == 1800
    assert session_of().trainings_per_hour is None
    assert session_of().remaining_seconds_at(later) is None


def test_sessions_come_in_their_order() -> None:
    attributes = {attribute_name(n): session_of(workers=n + 1).to_json() for n in (11, 2, 0)}
    assert [each.workers for each in sessions_in(attributes | {"run_id": "x"})] == [1, 3, 12]
    with pytest.raises(ValueError, match="workers"):
        sessions_in({attribute_name(0): {"workers": "many"}})
