"""The words of this command in the machine's list of processes, which every user may read.

A password on the command line is overwritten there as the command begins, as the clients of MySQL
and curl do it. Ray takes the words of its drivers from that list for its own list of jobs.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

FIRST_AFTER_NAME = 3
START_OF_ARGUMENTS, END_OF_ARGUMENTS = 48, 49
"""Fields of ``/proc/PID/stat``, counted as in proc(5). The name, field 2, may hold blanks."""


def hide_passwords(words: Sequence[str]) -> None:
    """Overwrite the passwords of URLs in the list of processes, where Linux has one.

    Args:
        words: of the command line.
    """
    if not any("://" in word for word in words) or not Path("/proc/self/stat").exists():
        return
    from nas.config.storage_url import shown_words  # noqa: PLC0415 (slow)

    shown = {
        os.fsencode(word): os.fsencode(hidden)
        for word, hidden in zip(words, shown_words(words), strict=True)
        if word != hidden
    }
    if not shown:
        return
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = (
        int(fields[number - FIRST_AFTER_NAME]) for number in (START_OF_ARGUMENTS, END_OF_ARGUMENTS)
    )
    for word in ctypes.string_at(start, end - start).split(b"\0"):
        if word in shown:
            # blanks fill the length, which cannot change
            ctypes.memmove(start, shown[word][: len(word)].ljust(len(word)), len(word))
        start += len(word) + 1
