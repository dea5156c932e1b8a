"""Processes: what a killed driver started is ended, and a stuck one begins again."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

DRIVER = """
import os, subprocess, sys, time
from nas.ray.cluster.guard import guarded
with guarded(os.getpid()):
    child = subprocess.Popen(["sleep", "600"])
    orphan = subprocess.check_output(["sh", "-c", "sleep 600 >/dev/null & echo $!"], text=True)
    print(child.pid, orphan, flush=True)
    time.sleep(600)
"""

STUCK = """
import os, sys, threading, time
from nas.ray.cluster.head_watch import HeadWatch
from nas.ray.cluster import head_watch
from nas.ray.cluster.begin_again import begin_again

print(os.getpid(), sys.argv[1:], os.environ.get("CONVATTN_BEGUN_AGAIN"), flush=True)
if sys.argv[1] == "going-on":
    sys.exit(7)
head_watch.LOOK_EVERY_SECONDS, head_watch.STUCK_SECONDS = 0.05, 0.2

class Dead:
    def lost(self):
        return "the head has died"

HeadWatch(Dead(), lambda reason: begin_again(reason, ["going-on"]))
time.sleep(600)  # as in Ray's library
"""


HEADLESS = """
import os, sys, threading, time
import psutil

if sys.argv[1] == "going-on":
    sys.exit(7)

def kill_the_head():
    while True:
        for child in psutil.Process().children():
            if child.name() == "gcs_server":
                time.sleep(1)
                child.kill()
                return
        time.sleep(0.01)

threading.Thread(target=kill_the_head, daemon=True).start()
from nas.config.sections import RaySettings
from nas.ray.cluster.connection import connected
with connected(RaySettings(), continuing=["going-on"]) as cluster:
    time.sleep(20)
    cluster.check()
"""


def test_what_a_killed_driver_started_is_ended() -> None:
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    started = [psutil.Process(int(pid)) for pid in driver.stdout.readline().split()]
    assert len(started) == 2  # the second is no descendant, like a worker whose raylet has died
    time.sleep(2)  # the guard looks every second
    guards = [
        p for p in psutil.Process(driver.pid).children() if "nas.ray.cluster.guard" in p.cmdline()
    ]
    assert len(guards) == 1
    driver.kill()
    driver.wait()
    _, alive = psutil.wait_procs([*started, *guards], timeout=14)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


CLEAN = """
import os, subprocess, sys
from nas.ray.cluster.guard import guarded
with guarded(os.getpid()):
    child = subprocess.Popen(["sleep", "600"])
    orphan = subprocess.check_output(["sh", "-c", "sleep 600 >/dev/null & echo $!"], text=True)
print(child.pid, orphan, flush=True)
sys.stdin.read()
"""


def test_what_outlives_a_local_ray_is_ended_and_a_living_drivers_children_are_not() -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", CLEAN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    child, orphan = (psutil.Process(int(pid)) for pid in driver.stdout.readline().split())
    (guard,) = [
        p for p in psutil.Process(driver.pid).children() if "nas.ray.cluster.guard" in p.cmdline()
    ]
    _, alive = psutil.wait_procs([orphan, guard], timeout=14)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    assert child.status() != psutil.STATUS_ZOMBIE
    child.kill()
    driver.communicate("")
    assert driver.returncode == 0


def test_a_driver_that_is_stuck_when_the_head_dies_begins_again(tmp_path: Path) -> None:
    script = tmp_path / "stuck.py"
    script.write_text(STUCK)
    done = subprocess.run(
        [sys.executable, str(script), "search", "x.yaml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7
    first, second = done.stdout.splitlines()
    pid = first.split()[0]
    assert first == f"{pid} ['search', 'x.yaml'] None"
    assert second == f"{pid} ['going-on'] 1"
    assert "the head has died" in done.stderr


@pytest.mark.slow
@pytest.mark.ray
def test_a_head_that_dies_while_ray_starts_is_noticed(tmp_path: Path) -> None:
    """Ray says so itself, or its library waits a minute for it and then ends the process."""
    script = tmp_path / "headless.py"
    script.write_text(HEADLESS)
    done = subprocess.run(
        [sys.executable, str(script), "search"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "a local Ray could not be started" in done.stderr:
        assert "it is tried again" in done.stderr
        assert done.returncode == 0, done.stderr
    else:
        assert "the head of the local Ray (gcs_server) has died; the command begins" in done.stderr
        assert done.returncode == 7, done.stderr


@pytest.mark.parametrize("begun", ["10", "11"])
def test_a_driver_does_not_begin_again_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: str
) -> None:
    monkeypatch.setenv("CONVATTN_BEGUN_AGAIN", begun)
    script = tmp_path / "stuck.py"
    script.write_text(STUCK)
    done = subprocess.run(
        [sys.executable, str(script), "search"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "run the command again" in done.stderr
