"""Signals to a command: it says how it ends as long as there is a terminal to say it on."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys

import pytest

COMMAND = """
import os, signal, sys, time
os.close(os.open(os.ttyname(0), os.O_RDWR))  # makes it the command's own terminal
from nas.cli.main import _hang_up
signal.signal(signal.SIGHUP, _hang_up)
try:
    print("begun", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("how to go on", flush=True)
    sys.exit(130)
"""


@pytest.mark.parametrize("terminal_is_closed", [False, True])
def test_a_hang_up_is_an_interruption(terminal_is_closed: bool) -> None:
    master, slave = pty.openpty()
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        assert b"begun" in os.read(master, 1000)
        if terminal_is_closed:
            os.close(master)
        else:
            command.send_signal(signal.SIGHUP)
            assert b"how to go on" in os.read(master, 1000)
        assert command.wait(20) == 130
    finally:
        command.kill()
        command.wait()
        if not terminal_is_closed:
            os.close(master)


def ended(program: str, *, seconds: float) -> tuple[int, str, str]:
    """Return a program's exit status and what it printed on standard output and error."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    return done.returncode, done.stdout, done.stderr


WHILE_IMPORTING = """
import os, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores them
signal.signal(signal.SIGHUP, signal.SIG_DFL)

class Interrupting:
    def find_spec(self, name, *rest):
        if name == "nas.cli.application":
            os.kill(os.getpid(), signal.NUMBER)

sys.meta_path.insert(0, Interrupting())
from nas.cli.main import main
main()
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_the_command_is_imported_is_an_interruption(number: str) -> None:
    assert ended(WHILE_IMPORTING.replace("NUMBER", number), seconds=60) == (130, "", "")


WHERE_NOTHING_CAN_BE_RAISED = """
import os, signal, sys, time
from nas.cli.main import _interrupt, _interrupt_later

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, _interrupt)
sys.unraisablehook = _interrupt_later
times = iter([True, True])

def interrupt():
    if next(times, False):
        os.kill(os.getpid(), signal.SIGINT)

os.register_at_fork(before=interrupt)
try:
    if os.fork() == 0:
        os._exit(0)
    time.sleep(30)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interruption_at_a_fork_is_not_forgotten() -> None:
    assert ended(WHERE_NOTHING_CAN_BE_RAISED, seconds=25) == (0, "interrupted\n", "")


WHILE_IT_ENDS = """
import os, signal, sys
from nas.ray.cluster.signals import ignored

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    with ignored():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        print("how to go on")
assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
"""


def test_further_signals_do_not_hide_how_to_go_on() -> None:
    assert ended(WHILE_IT_ENDS, seconds=25) == (0, "how to go on\n", "")


AT_THE_END = """
import os, signal, sys, types
application = types.ModuleType("nas.cli.application")

class Late:
    def __del__(self, kill=os.kill, process=os.getpid(), number=signal.SIGINT):
        kill(process, number)  # when Python has taken its signal handlers away

def run():
    sys.late = Late()
    os.kill(os.getpid(), signal.SIGINT)

application.run = run
sys.modules["nas.cli.application"] = application
from nas.cli.main import main
main()
"""


def test_a_second_interruption_while_the_command_ends_changes_nothing() -> None:
    assert ended(AT_THE_END, seconds=20) == (130, "", "")
