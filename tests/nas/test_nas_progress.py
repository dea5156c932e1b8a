"""The progress display, whatever it costs to say how far a search is."""

from __future__ import annotations

import io

import pytest

import nas.progress
from nas.output import Output
from nas.progress import LOG_EVERY_SECONDS, MOST_TIME_SPENT, LineDisplay


@pytest.mark.parametrize("cost_seconds", [0.0, 0.1, 30.0])
def test_showing_takes_a_small_share_of_the_time(
    monkeypatch: pytest.MonkeyPatch, cost_seconds: float
) -> None:
    clock = [0.0]
    shown = []

    def line() -> str:
        clock[0] += cost_seconds
        shown.append(clock[0])
        return f"{len(shown)} shown"

    monkeypatch.setattr(nas.progress.time, "monotonic", lambda: clock[0])
    display = LineDisplay(Output(file=io.StringIO()), line)
    while clock[0] < 10_000:
        display.update()
        clock[0] += 0.5
    spent = len(shown) * cost_seconds
    assert spent <= MOST_TIME_SPENT * 10_000 + cost_seconds
    if spent < MOST_TIME_SPENT * 9_000:  # then it is shown as often as it should be
        assert len(shown) == pytest.approx(10_000 / LOG_EVERY_SECONDS, rel=0.1)
