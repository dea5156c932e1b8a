"""The guard of a local Ray: ends its processes when it is over, however it ended.

Ray's own processes end with it, except its agents: they try for a minute to report to a head that
is gone, which an agent that had just begun does even after a clean end. A driver that is killed
cannot end them, and one that has ended need not wait for them, so a process of its own does.

All of them inherit a mark in their environment. A worker of Ray's overwrites that by its title, and
one that has just begun may not be seen as a descendant; so both are looked for.

Run as ``python -m nas.ray.cluster.guard DRIVER_PID MARK``, with a standard input that closes when
Ray is over; it imports neither Ray nor PyTorch.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
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
    """Have a process's descendants ended if it dies while the block runs.

    If it lives on, those are ended that are no descendants any more: their own parents have ended.
    The block does not wait for that.
    """
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
        guard.stdin.close()
        threading.Thread(target=guard.wait, daemon=True).start()  # it leaves no zombie


def is_dead(process: psutil.Process) -> bool:
    """Return whether a process has ended, even if its parent has not noticed yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def watch(driver_pid: int, mark: str) -> None:
    """Note a process's descendants until Ray is over, then end those that live on."""
    known: set[psutil.Process] = set()  # by PID and the time of their start
    is_over = False
    while not is_over and _lives(driver_pid):  # a copy of the process may hold its pipe open
        known.update(_descendants(driver_pid))
        known = {process for process in known if process.is_running()}
        is_over = bool(select.select([sys.stdin], [], [], LOOK_EVERY_SECONDS)[0])
    psutil.wait_procs(_left(known, driver_pid, mark), timeout=GRACE_SECONDS)
    for process in _left(known, driver_pid, mark):  # some have begun meanwhile
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _left(known: set[psutil.Process], driver_pid: int, mark: str) -> set[psutil.Process]:
    """Return the known and the marked processes that are no descendants of a living driver."""
    return (known | _marked(mark)) - _descendants(driver_pid) - {psutil.Process()}


def _descendants(driver_pid: int) -> set[psutil.Process]:
    """Return the living processes that a process, or its children, have started."""
    with suppress(psutil.NoSuchProcess):
        if _lives(driver_pid):
            return set(psutil.Process(driver_pid).children(recursive=True))
    return set()


def _lives(pid: int) -> bool:
    try:
        return not is_dead(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


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
