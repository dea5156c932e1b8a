"""Begin this command again, in the same process, when Ray's library will not return.

Some calls of Ray's library wait for a head that is gone, and cannot be interrupted; after a minute
the library ends the process. Nothing is lost with it: a command goes on from what it has written.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import psutil

log = logging.getLogger(__name__)

COUNT = "CONVATTN_BEGUN_AGAIN"
"""The variable that counts the new beginnings of a command."""

MOST_BEGINNINGS = 10

SHOW_CURSOR = b"\x1b[?25h"


def has_begun_again() -> bool:
    """Return whether this process is a command that began again."""
    return COUNT in os.environ


def begin_again(reason: str, arguments: Sequence[str]) -> None:
    """Replace this process by a new one that runs ``nas ARGUMENTS``; any thread may call it.

    If that was done too often, the process ends with an error and exit status 1.

    Args:
        reason: why, for a message.
        arguments: of a command that goes on from what this one has written.
    """
    _restore_terminal()
    begun = int(os.environ.get(COUNT, "0")) + 1
    if begun > MOST_BEGINNINGS:
        log.error("%s, for the %dth time: run the command again", reason, begun)
        os._exit(1)
    log.warning("%s; the command begins again, and goes on from what is finished", reason)
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ended with another one
            child.kill()
    os.environ[COUNT] = str(begun)
    program = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
    os.execv(sys.executable, [*program, *arguments])


def _restore_terminal() -> None:
    """Show the cursor, which a progress display hides."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads it any more
            stream.flush()
            if stream.isatty():
                os.write(stream.fileno(), SHOW_CURSOR)
