"""A program that takes the machine's memory: ``python -m tests.faults.neighbour PERCENT SECONDS``.

It takes memory until so much of the machine's is used, holds it, and ends. It never takes more
than :data:`MOST_BYTES`.
"""

from __future__ import annotations

import sys
import time

import psutil

MOST_BYTES = 4 * 2**30
STEP_BYTES = 64 * 2**20


def main() -> None:
    """Take the memory; exit status 3 if the bound came first."""
    percent, seconds = map(float, sys.argv[1:])
    held: list[bytearray] = []
    while psutil.virtual_memory().percent < percent and len(held) * STEP_BYTES < MOST_BYTES:
        held.append(bytearray(b"\x01") * STEP_BYTES)
    is_taken = psutil.virtual_memory().percent >= percent
    time.sleep(seconds)
    sys.exit(0 if is_taken else 3)


if __name__ == "__main__":
    main()
