"""Where the time of real workers goes: known delays are found in their own rows.

Only lower bounds are asserted of each row, which a busy machine cannot break: a delay that is noted
in another row is missing in its own. The sum bounds all rows from above.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray

from nas.config.search_config import SearchConfig
from nas.config.sections import RaySettings, ResourceSettings
from nas.ray.cluster.connection import Cluster, connected
from nas.ray.executor import run_search
from nas.ray.timing import timed_on_worker
from nas.search.job import Job
from nas.search.loop import Search
from nas.storage.device_time import device_time
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import load_task, proxy_assignment
from nas.workflows.timing.first_estimate import little_timing
from search_space.yaml_validation import validate
from tests.end_to_end.delayed_trainings import DelayedTrainable
from tests.end_to_end.tiny_search import SEARCH
from tests.hand_driven import costs_from, problem_from

pytestmark = pytest.mark.ray

CPUS_SECONDS = 2.0
DRIVER_SECONDS = 1.0
LONGEST_SECONDS = 300.0


class SlowSearch(Search):
    """A search that takes long to say what is trained next."""

    def next_job(self) -> Job | None:
        job = super().next_job()
        if job is not None:
            time.sleep(DRIVER_SECONDS)
        return job


@pytest.fixture(scope="module")
def _on_ray() -> Iterator[None]:
    with connected(RaySettings(), modules=str(Path(__file__).parent)):  # for the trainable
        yield


@pytest.mark.usefixtures("_on_ray")
def test_known_delays_are_found_in_their_own_rows(tmp_path: Path) -> None:
    settings: dict[str, Any] = SEARCH | {"sampler": {"name": "random"}}
    settings["search"] = {"n_trials": 3, "finalist_seeds": 1, "concurrency": 1}
    config = validate(SearchConfig, settings, "the test")
    ledger = Ledger.create(config, RunFolder.create(tmp_path, config))
    search = SlowSearch(problem_from(config, load_task(config)), ledger)
    began, ended, ends = tmp_path / "began", tmp_path / "ended", time.monotonic() + LONGEST_SECONDS

    @ray.remote(num_cpus=ray.cluster_resources()["CPU"])
    def keep_all_cpus() -> None:
        began.touch()
        while not ended.exists():
            time.sleep(0.05)

    def give_cpus_back() -> None:
        waited = search.time.places.reading().seconds.get("waiting_cpus", 0.0)
        if waited >= CPUS_SECONDS or time.monotonic() > ends:
            ended.touch()

    others = keep_all_cpus.remote()
    while not began.exists():
        time.sleep(0.05)
    run_search(
        search,
        proxy_assignment(config, load_task(config)),
        ResourceSettings(),
        cluster=Cluster(RaySettings()),
        concurrency=1,
        on_change=give_cpus_back,
        trainable=DelayedTrainable,
    )
    ray.get(others)
    rows = ledger.evaluations("search")
    assert [row.state for row in rows] == ["complete"] * 3
    for number, row in enumerate(rows):
        for part in ("training", "evaluation", "loading"):
            assert row.seconds[part] >= row.metrics[f"{part}_delay"] > 0
        if number:  # the worker waited for the driver between two trials
            assert row.seconds["waiting_driver"] >= DRIVER_SECONDS
    (session,) = ledger.sessions()
    assert session.seconds["waiting_cpus"] >= CPUS_SECONDS
    assert session.seconds["waiting_start"] > 0
    spent = device_time(rows, [session], is_driven=False)
    assert spent.accounted_share == pytest.approx(1, abs=0.01)


@pytest.mark.usefixtures("_on_ray")
def test_a_worker_takes_the_time_of_a_first_estimate() -> None:
    config = validate(SearchConfig, SEARCH, "the test")
    timing = partial(little_timing, config, costs_from(config, load_task(config)))
    seconds = timed_on_worker(timing, ResourceSettings())
    assert isinstance(seconds, float), seconds
    assert seconds > 0
