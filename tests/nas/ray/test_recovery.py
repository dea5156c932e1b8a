"""Recovery: longer pauses after each break in a row, and fewer jobs at a time without memory."""

from __future__ import annotations

import time

import pytest

from nas.errors import ClusterError
from nas.ray.recovery.breaks import MOST_BREAKS, Breaks
from nas.ray.recovery.concurrency import Concurrency
from nas.search.waiting import Waiting


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, which take no time here."""
    pauses: list[float] = []
    clock = [0.0]

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    return pauses


def test_each_break_in_a_row_is_followed_by_a_longer_pause(slept: list[float]) -> None:
    waiting = Waiting()
    breaks = Breaks("the search", "continue with --resume", waiting, patience_seconds=600.0)
    pauses = []
    for _ in range(MOST_BREAKS):
        slept.clear()
        breaks.note("memory ran out")
        pauses.append(sum(slept))
    assert pauses == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    with pytest.raises(ClusterError) as raised:
        breaks.note("memory ran out")
    assert str(raised.value) == (
        "the search broke off 11 times in a row, and no training ended in between; the last time: "
        "memory ran out; mend the machine, then continue with --resume"
    )


def test_what_ends_begins_the_row_anew(slept: list[float]) -> None:
    shown = []
    waiting = Waiting(lambda: shown.append(waiting.reason))
    breaks = Breaks("the search", "continue with --resume", waiting, patience_seconds=1.5)
    for _ in range(3):
        for _ in range(4):
            breaks.note("a node left")
        breaks.end()
    assert sum(slept) == 3 * (1 + 1.5 + 1.5)  # no longer than the user waits for anything
    assert set(shown) == {"the machine to recover (a node left)", ""}


def test_half_as_many_run_after_a_shortage_and_slowly_more_again() -> None:
    concurrency = Concurrency()
    assert concurrency.most(8) == 8
    assert concurrency.halve(8) == 4
    allowed = []
    for _ in range(12 + 15 + 18 + 21):
        allowed.append(concurrency.most(8))
        concurrency.end()
    assert allowed == 12 * [4] + 15 * [5] + 18 * [6] + 21 * [7]
    assert concurrency.most(8) == 8


def test_one_always_runs() -> None:
    concurrency = Concurrency()
    assert concurrency.halve(1) == 1
    assert concurrency.most(2) == 1
    assert concurrency.most(1) == 1
