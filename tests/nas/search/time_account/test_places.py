"""The places of a search's workers: every second is in one part, whoever measures it."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.evaluation.time_parts import LABELS, WAITS, sum_of
from nas.evaluation.worker_time import WorkerTime
from nas.search.job import Job
from nas.search.time_account.idle_clock import IdleClock
from nas.search.time_account.places import Places
from search_space.architecture import Architecture
from search_space.space import SearchSpace


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Driven:
    """Places, and workers that measure themselves as a search's do."""

    def __init__(self, places: int, architecture: Architecture) -> None:
        self.clock = Clock()
        self.idle = IdleClock(self.clock)
        self.places = Places(self.idle, self.clock)
        self.places.open(places)
        self._architecture = architecture
        self.number = places
        self.free: list[tuple[str, WorkerTime]] = []  # workers without a job, the oldest first
        self.waiting: list[Job] = []  # jobs without a worker
        self.running: list[tuple[Job, str, WorkerTime]] = []
        self.rows: list[dict[str, float]] = []
        self.lost = 0.0
        self._begun = 0

    def begin(self) -> None:
        job = Job("search", self._begun, self._architecture, 0)
        self._begun += 1
        self.places.begin(job)
        self.waiting.append(job)

    def start(self, *, reuse: bool) -> None:
        """Start the first waiting job, on the oldest free worker or on a new one."""
        job = self.waiting.pop(0)
        if reuse and self.free:
            name, worker = self.free.pop(0)
            worker.begin_job()
        else:
            if self.free and len(self.free) + len(self.running) + 1 > self.number:
                self.free.pop(0)  # Ray needs its CPUs
            name, worker = f"worker {self._begun} {self.clock.now}", WorkerTime(self.clock)
            worker.begin_job()
        with worker.call():
            pass
        self.places.started(job, name)
        self.running.append((job, name, worker))

    def work(self, part: str, seconds: float) -> None:
        """Let every worker do something in a call of the driver."""
        with ExitStack() as calls:
            for _, _, worker in self.running:
                calls.enter_context(worker.call())
                calls.enter_context(worker.stopwatch.measuring(part))
            self.clock.now += seconds

    def end(self) -> None:
        """End the oldest running job, with the result of its worker's last call."""
        job, name, worker = self.running.pop(0)
        with worker.call():
            pass
        self.rows.append(self.places.end(job, worker.stopwatch.seconds()))
        self.free.append((name, worker))

    def lose(self) -> None:
        self.lost += self.places.lose(self.running.pop(0)[0])


@pytest.fixture(scope="module")
def architecture(tiny_space: SearchSpace) -> Architecture:
    return next(iter(tiny_space.architectures()))


def test_each_wait_is_in_its_row(architecture: Architecture) -> None:
    driven = Driven(1, architecture)
    clock, idle = driven.clock, driven.idle
    clock.now += 1  # the driver proposes
    driven.begin()
    clock.now += 2
    driven.places.look(1)
    clock.now += 4
    driven.places.look(0)
    driven.start(reuse=False)
    clock.now += 8  # the worker waits for its next call
    driven.work("training", 16)
    driven.work("loading", 32)
    driven.end()
    assert driven.rows == [
        {"preparation": 0, "waiting_driver": 8, "training": 16, "loading": 32},
    ]
    idle.usually("waiting_work")
    clock.now += 64
    with idle.during("waiting_storage"):
        clock.now += 128
    idle.usually("waiting_driver")
    clock.now += 256
    driven.begin()
    driven.start(reuse=True)
    driven.work("training", 512)
    driven.end()
    assert driven.rows[1] == {
        "preparation": 0,
        "waiting_driver": 256,
        "waiting_work": 64,
        "waiting_storage": 128,
        "training": 512,
    }
    driven.begin()
    driven.start(reuse=True)
    driven.work("training", 1024)
    driven.lose()
    assert driven.lost == 1024
    idle.usually("waiting_memory")
    clock.now += 2048
    closed = driven.places.close()
    assert closed.seconds == {
        "waiting_driver": 1,
        "waiting_cpus": 2,
        "waiting_start": 4,
        "waiting_memory": 2048,
    }
    assert (closed.wall_seconds, closed.ended) == (4095, 2)


Step = st.tuples(
    st.sampled_from(("begin", "reuse", "new", "work", "end", "lose", "idle", "look", "wait")),
    st.floats(0, 100),
    st.sampled_from(("waiting_work", "waiting_driver", "waiting_memory")),
)


@given(st.integers(1, 3), st.lists(Step, max_size=60))
def test_the_parts_sum_up_to_wall_time_times_places(
    architecture: Architecture, places: int, steps: list[tuple[str, float, str]]
) -> None:
    driven = Driven(places, architecture)
    began = driven.clock.now
    for kind, seconds, reason in steps:
        jobs = len(driven.waiting) + len(driven.running)
        if kind == "begin" and jobs < places:
            driven.begin()
        elif kind in ("reuse", "new") and driven.waiting:
            driven.start(reuse=kind == "reuse")
        elif kind == "work":
            driven.work("training", seconds)
        elif kind == "end" and driven.running:
            driven.end()
        elif kind == "lose" and driven.running:
            driven.lose()
        elif kind == "idle":
            driven.idle.usually(reason)  # type: ignore[arg-type]
        elif kind == "look":
            driven.places.look(int(seconds) % 3)
        else:
            driven.clock.now += seconds
        reading = driven.places.reading()
        together = sum_of([reading.seconds, *driven.rows])
        known = sum(together.values()) + driven.lost + reading.running_seconds
        assert known == pytest.approx(places * (driven.clock.now - began), abs=1e-6)
    closed = driven.places.close()
    known = sum(sum_of([closed.seconds, *driven.rows]).values()) + driven.lost
    assert known == pytest.approx(places * closed.wall_seconds, abs=1e-6)


def test_places_that_are_not_open_pass_on_what_workers_measured(
    architecture: Architecture,
) -> None:
    places = Places(IdleClock())
    job = Job("search", 0, architecture, 0)
    places.begin(job)
    assert places.end(job, {"training": 3.0}) == {"training": 3.0}
    assert places.lose(job) == 0
    assert places.number == 0


def test_every_part_has_a_name() -> None:
    assert Counter(LABELS.values()).most_common(1)[0][1] == 1
    assert set(WAITS) < set(LABELS)
