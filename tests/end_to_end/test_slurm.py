"""The Slurm script searches on a real Slurm of one node."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.tiny_search import RECIPE, ROOT, query, read_json, write_search
from tests.slurm_cluster import SlurmCluster, running_slurm

pytestmark = pytest.mark.ray

SCRIPT = ROOT / "configs" / "cluster" / "slurm.sh"
SECONDS = 600.0


@pytest.fixture(scope="module")
def slurm() -> Iterator[SlurmCluster]:
    with running_slurm() as cluster:
        yield cluster


@pytest.fixture
def user(tmp_path: Path, environment: dict[str, str]) -> dict[str, str]:
    """The environment of a user who has convattn, and a home folder on a shared disk."""
    own = {name: value for name, value in environment.items() if not name.startswith("RAY_A")}
    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    own.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))  # what was compiled is kept
    return own | {"HOME": str(tmp_path), "NAS_RUNS": str(tmp_path / "runs"), "PATH": path}


def processes_of(folder: Path) -> list[str]:
    """Ray's processes of the jobs of this test, by the folder of their token."""
    there = []
    for process in psutil.process_iter():
        try:
            named = process.environ().get("RAY_AUTH_TOKEN_PATH", "")
        except psutil.Error:
            continue
        if named.startswith(str(folder)) and process.status() != psutil.STATUS_ZOMBIE:
            there.append(f"{process.pid} {process.name()}")
    return there


def await_in_log(text: str, log: Path, job: str, slurm: SlurmCluster) -> None:
    until = time.monotonic() + SECONDS
    while text not in (log.read_text() if log.exists() else ""):
        assert slurm.state(job) in ("PENDING", "RUNNING"), log.read_text()
        assert time.monotonic() < until, log.read_text() + slurm.logs()
        time.sleep(0.5)


def test_a_search_runs_to_its_end_and_leaves_nothing_behind(slurm, user, tmp_path):
    search = write_search(
        tmp_path / "tiny.yaml", search={"n_trials": 2, "finalist_seeds": 1, "noise_candidates": 0}
    )
    log = tmp_path / "log"
    job = slurm.submit(SCRIPT, search, "name=on-slurm", environment=user, output=log)
    end = slurm.wait_for(job, ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"), SECONDS)
    assert end == "COMPLETED", log.read_text()
    assert "Pareto front" in log.read_text()
    assert read_json(query(tmp_path, "status", "on-slurm", "--json", "--trust"))["trained"] == 2
    assert list(tmp_path.glob(".convattn-slurm-*")) == []
    assert processes_of(tmp_path) == []


@pytest.mark.slow
def test_out_of_time_it_goes_back_into_the_queue_and_goes_on(slurm, user, tmp_path):
    search = write_search(
        tmp_path / "tiny.yaml",
        proxy=RECIPE | {"epochs": 100},
        sampler={"name": "random"},
        search={"n_trials": 8, "finalist_seeds": 1, "noise_candidates": 0},
    )
    log = tmp_path / "log"
    job = slurm.submit(SCRIPT, search, environment=user, output=log)
    await_in_log("| best ", log, job, slurm)
    (secret,) = tmp_path.glob(".convattn-slurm-*")
    for path in (secret, secret / "token"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    token = (secret / "token").read_text()
    slurm.run("scancel", "--batch", "--signal=USR1", job)  # as Slurm does before the time limit
    slurm.wait_for(job, ("PENDING",), SECONDS)
    assert "stopped: " in log.read_text()
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now")
    end = slurm.wait_for(job, ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"), SECONDS)
    assert end == "COMPLETED", log.read_text()
    assert "resuming tiny" in log.read_text()
    assert read_json(query(tmp_path, "status", "tiny", "--json", "--trust"))["trained"] == 8
    assert token not in log.read_text()
    assert processes_of(tmp_path) == []


@pytest.mark.slow
def test_a_cancelled_search_is_not_put_back(slurm, user, tmp_path):
    search = write_search(tmp_path / "tiny.yaml", proxy=RECIPE | {"epochs": 500})
    log = tmp_path / "log"
    job = slurm.submit(SCRIPT, search, environment=user, output=log)
    await_in_log("trials 0/", log, job, slurm)
    slurm.run("scancel", job)
    slurm.wait_for(job, ("CANCELLED",), SECONDS)
    until = time.monotonic() + SECONDS
    while processes_of(tmp_path) or list(tmp_path.glob(".convattn-slurm-*")):
        assert time.monotonic() < until, processes_of(tmp_path)
        time.sleep(0.5)
    assert os.listdir(tmp_path / "runs" / "tiny")


@pytest.mark.slow
def test_a_wrong_configuration_ends_the_job_with_its_error(slurm, user, tmp_path):
    search = write_search(tmp_path / "tiny.yaml")
    log = tmp_path / "log"
    job = slurm.submit(SCRIPT, search, "search.n_trials=none", environment=user, output=log)
    assert slurm.wait_for(job, ("COMPLETED", "FAILED"), SECONDS) == "FAILED"
    assert log.read_text().count("error: ") == 1
    assert processes_of(tmp_path) == []
