"""Waits of a search: their text, their time, and their place in the status."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

import pytest

import nas.search.waiting
from nas.cli.progress import describe
from nas.config.search_config import SearchConfig
from nas.search.waiting import Waiting
from nas.storage.ledger import Ledger
from search_space.architecture import Task
from tests.hand_driven import search_of

ConfigOf = Callable[..., SearchConfig]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that sleeping moves; the seconds are its one entry."""
    now = [1000.0]
    monkeypatch.setattr(nas.search.waiting.time, "monotonic", lambda: now[0])

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(nas.search.waiting.time, "sleep", sleep)
    return now


def test_a_wait_has_a_reason_and_its_time(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[str] = []
    waiting = Waiting(lambda: shown.append(waiting.text))
    assert waiting.text == ""
    with caplog.at_level(logging.WARNING), waiting.on("memory: 1 GB is free", 600):
        waiting.sleep(12)
        assert waiting.text == "memory: 1 GB is free, 12s of 10m 00s"
        assert not waiting.is_over
        waiting.sleep(10_000)  # no longer than its patience
        assert waiting.is_over
        assert waiting.waited == pytest.approx(600)
    assert waiting.text == ""
    assert shown[0] == "memory: 1 GB is free, 0s of 10m 00s"
    assert shown[-1] == ""
    assert len(shown) > 600
    (message,) = caplog.messages
    assert message == (
        "waiting for memory: 1 GB is free; at most 10m 00s (search.patience_minutes)"
    )


def test_the_outer_wait_goes_on_after_the_inner_one(clock: list[float]) -> None:
    waiting = Waiting()
    with waiting.on("the head", 60):
        waiting.sleep(5)
        with suppress(KeyError), waiting.on("the storage", 20):
            waiting.sleep(7)
            assert waiting.text == "the storage, 7s of 20s"
            raise KeyError
        assert waiting.text == "the head, 12s of 1m 00s"


def test_the_status_has_the_wait_and_reads_no_records_then(
    config_of: ConfigOf,
    in_memory: Callable[[SearchConfig], Ledger],
    task: Task,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = config_of()
    search = search_of(config, in_memory(config), task)
    before = search.status()
    assert before.waiting == ""
    with monkeypatch.context() as patch, search.waiting.on("the storage", 60):
        patch.setattr(search.records, "evaluations", None)  # it cannot be read
        status = search.status()
        assert status.waiting == "the storage, 0s of 1m 00s"
        assert "| waiting for the storage, 0s of 1m 00s |" in describe(status)
        assert status._replace(waiting="", elapsed_seconds=0) == before._replace(elapsed_seconds=0)
    assert "waiting" not in describe(search.status())
