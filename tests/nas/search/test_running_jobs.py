"""The jobs that run: a job that waits for CPUs is not yet busy, and takes nothing of a budget."""

from __future__ import annotations

import pytest

from nas.search.job import Job
from nas.search.running_jobs import RunningJobs
from nas.search.time_account.idle_clock import IdleClock
from nas.search.time_account.places import Places
from search_space.architecture import Architecture
from search_space.space import SearchSpace
from tests.nas.search.time_account.test_places import Clock


@pytest.fixture(scope="module")
def architecture(tiny_space: SearchSpace) -> Architecture:
    return next(iter(tiny_space.architectures()))


def test_a_job_is_busy_from_when_it_has_a_worker(architecture: Architecture) -> None:
    clock = Clock()
    places = Places(IdleClock(clock), clock)
    running = RunningJobs((), places, clock)
    places.open(2)
    trains, waits = (Job("search", number, architecture, 0) for number in range(2))
    running.begin(trains)
    running.begin(waits)
    clock.now += 3600  # both wait for CPUs that others use
    places.started(trains, "a")
    clock.now += 10
    assert running.seconds == {trains: 10, waits: 0}
    assert running.busy_seconds == 10
    ended = running.end(trains, {"training": 8.0, "waiting_driver": 2.0})
    assert (ended.busy_seconds, running.busy_seconds) == (10, 8)
    worker = running.lose(waits, "node", "it left", counts=False)
    assert (worker.seconds, running.busy_seconds) == (0, 8)


def test_without_places_a_job_is_busy_from_its_beginning(architecture: Architecture) -> None:
    clock = Clock()
    running = RunningJobs((), Places(IdleClock(clock), clock), clock)
    job = Job("search", 0, architecture, 0)
    running.begin(job)
    clock.now += 5
    assert running.seconds == {job: 5}
    assert running.end(job).busy_seconds == 5
    assert running.busy_seconds == 5
