"""The processes of one command: all that it started, also after its own end."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil

MARK = "FAULTS_MARK"
"""Names the environment variable that all processes of one command inherit."""

WORKER_TITLES = ("ray::TrainingTrainable", "ray::_full_training", "ray::_evaluation")
"""The beginnings of the titles of the processes that train."""


class ProcessFamily:
    """A command's processes: those that inherited its mark, and their descendants.

    Ray's workers overwrite the beginning of their environment by a title, so that a process that
    was seen once is remembered.

    Args:
        mark: the value of :data:`MARK` in the command's environment.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._known: set[psutil.Process] = set()  # equal only if their times of creation are
        self._next_look = 0.0

    def remember(self) -> None:
        """Look which processes there are, once a second at most: a look takes milliseconds."""
        if time.monotonic() >= self._next_look:
            self.living()
            self._next_look = time.monotonic() + 1.0

    def living(self) -> list[psutil.Process]:
        """Return the processes that live; a stopped one lives, a zombie does not."""
        processes = {process.pid: process for process in psutil.process_iter()}
        self._known &= set(processes.values())
        for process in processes.values():
            if process not in self._known and (self._is_marked(process) or self._has_kin(process)):
                self._known.add(process)
        return [process for process in self._known if _lives(process)]

    def named(self, *beginnings: str) -> list[psutil.Process]:
        """Return the living processes whose title or program begins so, the oldest first."""
        chosen = []
        for process in self.living():
            with suppress(psutil.Error):
                words = process.cmdline()
                name = words[0] if words else ""
                if name.startswith(beginnings) or name.rpartition("/")[2].startswith(beginnings):
                    chosen.append(process)
        return sorted(chosen, key=lambda process: (process.create_time(), process.pid))

    def wait_for_none(self, seconds: float) -> list[str]:
        """Wait until no process lives; return what lives after so many seconds, for a report."""
        until = time.monotonic() + seconds
        while living := self.living():
            if time.monotonic() > until:
                return [_described(process) for process in living]
            time.sleep(0.2)
        return []

    def kill(self) -> None:
        """Kill all that live."""
        for process in self.living():
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(self.living(), timeout=10)

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self._mark
        except psutil.Error:
            return False

    def _has_kin(self, process: psutil.Process) -> bool:
        try:
            return process.parent() in self._known
        except psutil.Error:
            return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _described(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline()).strip()[:100]}"
    except psutil.Error:
        return str(process.pid)
