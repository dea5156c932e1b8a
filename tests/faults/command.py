"""One ``nas`` command in a terminal of its own, with all the processes that it starts."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import termios
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.end_to_end.tiny_search import nas_command
from tests.faults.processes import MARK, ProcessFamily

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
COLUMNS = 200
ORPHAN_SECONDS = 15.0
"""The time within which all processes of a command end after it."""


class Command:
    """A running ``nas`` command, the leader of a session, on a terminal that this process holds.

    Args:
        arguments: of ``nas``.
        folder: where it runs.
        environment: its environment.
        log: a file to which all that it prints is appended.
    """

    def __init__(
        self, arguments: Sequence[object], folder: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        mark = uuid.uuid4().hex
        self.family = ProcessFamily(mark)
        self._master, self._slave = pty.openpty()
        termios.tcsetwinsize(self._slave, (50, COLUMNS))
        self._modes = termios.tcgetattr(self._slave)
        _heed_signals()
        self.process = subprocess.Popen(
            nas_command(*arguments),
            cwd=folder,
            env={**environment, MARK: mark, "TERM": "xterm"},
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
        )
        self._written = bytearray()
        self._reading = True
        self._reader = threading.Thread(target=self._read, args=(log,), daemon=True)
        self._reader.start()
        with log.open("a") as file:
            file.write(f"\n$ nas {' '.join(map(str, arguments))}\n")

    @property
    def text(self) -> str:
        """All that it printed, without the terminal's control sequences."""
        plain = ESCAPES.sub("", self._written.decode(errors="replace"))
        return plain.replace("\r\n", "\n").replace("\r", "\n")

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def send(self, number: signal.Signals, *, to_group: bool = False) -> None:
        """Send a signal to it, or to its group as a terminal does."""
        with suppress(ProcessLookupError):
            (os.killpg if to_group else os.kill)(self.process.pid, number)

    def wait_until_it_heeds_signals(self) -> None:
        """Wait until its own code runs: before, its interpreter starts, and signals kill it."""
        bit = 1 << (signal.SIGTERM - 1)
        status = Path("/proc", str(self.process.pid), "status")
        while self.is_running:
            caught = re.search(r"SigCgt:\s*([0-9a-f]+)", status.read_text())
            if caught is not None and int(caught[1], 16) & bit:
                return
            time.sleep(0.02)

    def close_terminal(self) -> None:
        """Take the terminal away, as a lost connection does, with the shell's SIGHUP."""
        self._stop_reading()
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1
        self.send(signal.SIGHUP, to_group=True)

    def wait(self, seconds: float) -> int | None:
        """Return its exit status; None if it has not ended after so many seconds."""
        until = time.monotonic() + seconds
        while self.is_running and time.monotonic() < until:
            self.family.remember()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.2)
        return self.process.poll()

    def complaints(self) -> list[str]:
        """Return what is wrong after its end: processes left, a changed terminal."""
        wrong = [
            f"{ORPHAN_SECONDS:g} s after the end there lives: {left}"
            for left in self.family.wait_for_none(ORPHAN_SECONDS)
        ]
        if self._slave >= 0 and self.process.poll() != -signal.SIGKILL:
            time.sleep(0.1)  # the reader may lag behind
            if termios.tcgetattr(self._slave) != self._modes:
                wrong.append("the terminal's modes are changed")
            if self._written.rfind(HIDE_CURSOR) > self._written.rfind(SHOW_CURSOR):
                wrong.append("the cursor is hidden")
        if "Traceback" in self.text:
            wrong.append("it printed a traceback")
        return wrong

    def close(self) -> None:
        """End it and all of its processes, however they are."""
        self.family.living()
        self.send(signal.SIGKILL, to_group=True)
        self.process.wait(30)
        self.family.kill()
        self._stop_reading()
        for descriptor in (self._master, self._slave):
            if descriptor >= 0:
                os.close(descriptor)
        self._master = self._slave = -1

    def _read(self, log: Path) -> None:
        with log.open("ab", buffering=0) as file:
            while self._reading:
                ready, _, _ = select.select([self._master], [], [], 0.1)
                if ready:
                    part = os.read(self._master, 65536)
                    self._written += part
                    file.write(part)

    def _stop_reading(self) -> None:
        self._reading = False
        self._reader.join()


def _heed_signals() -> None:
    """Heed what this process ignores if it is in the background: its children would inherit it."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
