"""A pool of tasks says what those wait for that have not begun."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from nas.config.sections import RaySettings, ResourceSettings
from nas.evaluation.messages import Began
from nas.ray.cluster.connection import connected
from nas.ray.recovery.task_pool import TaskPool
from nas.search.waiting import Waiting

pytestmark = pytest.mark.ray

LONGEST_SECONDS = 120.0


@pytest.fixture(scope="module", autouse=True)
def _on_ray() -> Iterator[None]:
    with connected(RaySettings()):
        yield


@ray.remote(num_cpus=1, num_returns="streaming", max_calls=1)
def begin_and_end() -> Iterator[Began | str]:
    yield Began()
    yield "trained"


def test_a_shortage_of_cpus_is_told_until_the_tasks_begin(tmp_path: Path) -> None:
    began, released = tmp_path / "began", tmp_path / "released"

    @ray.remote(num_cpus=ray.cluster_resources()["CPU"])
    def keep_all_cpus() -> None:
        began.touch()
        while not released.exists():
            time.sleep(0.05)

    others = keep_all_cpus.remote()
    while not began.exists():
        time.sleep(0.05)
    told = []

    def release() -> None:
        told.append(waiting.text)
        released.touch()

    waiting = Waiting(release)
    ends = time.monotonic() + LONGEST_SECONDS

    def check() -> None:
        if time.monotonic() > ends:
            released.touch()

    pool = TaskPool(
        ["only"],
        lambda task: begin_and_end.remote(),
        ResourceSettings(),
        tells_begin=True,
        waiting=waiting,
        patience_seconds=LONGEST_SECONDS,
        check=check,
    )
    events = []
    while (ready := pool.first_ready()) is not None:
        stream, _ = ready
        try:
            events.append(ray.get(next(stream)))
        except StopIteration:
            pool.end(stream)
            continue
        if isinstance(events[-1], Began):
            pool.note_begin(stream)
    ray.get(others)
    cpus = f"{ray.cluster_resources()['CPU']:g}"
    assert told[0] == f"CPUs: 1 worker needs 1 each, and 0 of {cpus} are free"
    assert told[1:] in ([""], [])
    assert (events, waiting.text) == ([Began(), "trained"], "")
