"""The command ``nas``: signals end it as documented from its first moment, and as it imports."""

from __future__ import annotations

import errno
import os
import signal
import sys
import termios
import threading
from typing import Any

from nas.cli.process_list import hide_passwords

INTERRUPTED = 130
"""The exit status of a command ended by Ctrl-C, SIGTERM or SIGHUP; shells have it for the first."""

AGAIN_SECONDS = 0.1


def main() -> None:
    """Run the command line; a signal that ends it gives exit status 130."""
    sys.unraisablehook = _interrupt_later
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup ignores it
            signal.signal(signal.SIGHUP, _hang_up)
        hide_passwords(sys.argv)
        from nas.cli.application import run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)  # Python's end would let another one kill it
        sys.exit(INTERRUPTED)


def _interrupt(signal_number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _interrupt_later(unraisable: Any) -> None:
    """Interrupt the command anew if an interruption fell where Python cannot raise it.

    That is so in what runs at a fork, or when an object is deleted; else Python would print a
    traceback, and forget the interruption.
    """
    if unraisable.exc_type is KeyboardInterrupt:
        timer = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()
    else:
        sys.__unraisablehook__(unraisable)


def _hang_up(signal_number: int, frame: object) -> None:
    """Interrupt the command; to write to a terminal that is gone would raise."""
    with open(os.devnull, "wb") as nowhere:
        for standard in (sys.stdout, sys.stderr):
            try:
                termios.tcgetattr(standard.fileno())
            except termios.error as error:
                if error.args[0] == errno.EIO:
                    os.dup2(nowhere.fileno(), standard.fileno())
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
