"""The guard of a local Ray: ends its processes when the driver is gone, however it ended.

Ray's own processes end with the driver, except its agents: they try for a minute to report to a
head that is gone. A driver that is killed cannot end them, so a process of its own does.

All of them inherit a mark in their environment. A worker of Ray's overwrites that by its title, and
one that has just begun may not be seen as a descendant; so both are looked for.

Run as ``python -m nas.ray.cluster.guard DRIVER_PID MARK``; it imports neither Ray nor PyTorch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

LOOK_EVERY_SECONDS = 1.0
GRACE_SECONDS = 5.0
"""The processes have so long to end by themselves."""

VARIABLE = "CONVATTN_GUARDED"
"""Names the environment variable with the mark."""


@contextmanager
def guarded(driver_pid: int) -> Iterator[None]:
    """Have a process's descendants ended if it dies while the block runs."""
    mark = uuid.uuid4().hex
    guard = subprocess.Popen(
        [sys.executable, "-m", "nas.ray.cluster.guard", str(driver_pid), mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # signals to the driver's group and terminal do not end it
    )
    assert guard.stdin is not None
    os.environ[VARIABLE] = mark  # after the guard has begun: it does not end itself
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        guard.terminate()
        guard.stdin.close()
        guard.wait()


def is_dead(process: psutil.Process) -> bool:
    """Return whether a process has ended, even if its parent has not noticed yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def watch(driver_pid: int, mark: str) -> None:
    """Note a process's descendants until it dies, then end those that live on."""
    known: set[psutil.Process] = set()  # by PID and the time of their start
    own = psutil.Process()
    try:
        driver = psutil.Process(driver_pid)
        while not is_dead(driver):
            known.update(driver.children(recursive=True))
            known = {process for process in known if process.is_running()}
            time.sleep(LOOK_EVERY_SECONDS)
    except psutil.NoSuchProcess:
        pass
    known.discard(own)
    psutil.wait_procs(known | _marked(mark), timeout=GRACE_SECONDS)
    for process in known | _marked(mark):  # some have begun meanwhile
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _marked(mark: str) -> set[psutil.Process]:
    """Return the living processes whose environment has the mark."""
    marked = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(VARIABLE) == mark:
                marked.add(process)
    return marked


if __name__ == "__main__":
    watch(int(sys.argv[1]), sys.argv[2])
