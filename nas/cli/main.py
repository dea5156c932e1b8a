"""The command ``nas``: signals end it as documented from its first moment, and as it imports."""

from __future__ import annotations

import errno
import os
import signal
import sys
import termios

INTERRUPTED = 130
"""The exit status of a command ended by Ctrl-C, SIGTERM or SIGHUP; shells have it for the first."""


def main() -> None:
    """Run the command line; a signal that ends it gives exit status 130."""
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup ignores it
            signal.signal(signal.SIGHUP, _hang_up)
        from nas.cli.application import run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _interrupt(signal_number: int, frame: object) -> None:
    raise KeyboardInterrupt


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
