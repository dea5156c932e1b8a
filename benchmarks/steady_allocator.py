"""An allocator that keeps what is freed, for timings on the CPU.

glibc gives large freed blocks back to the system. The next step then faults every page in anew,
which costs more than the arithmetic on it and varies from run to run. Allocators that keep it do
not pay for that.
"""

from __future__ import annotations

import os
import sys

KEPT_BYTES = 1_000_000_000
SETTINGS = {
    "MALLOC_TRIM_THRESHOLD_": str(KEPT_BYTES),
    "MALLOC_MMAP_THRESHOLD_": str(KEPT_BYTES),
}
WHY = (
    "glibc's allocator keeps freed memory (MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ are "
    f"{KEPT_BYTES}), for every variant and the convolution alike: else freed blocks go back to the "
    "system, and page faults at each step cost more than the arithmetic and vary from run to run"
)


def keep_freed_memory() -> None:
    """Start this program anew with such an allocator, unless it has it.

    glibc reads the settings when a process begins. Call it before PyTorch is imported.
    """
    if not is_steady():
        arguments = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, arguments, os.environ | SETTINGS)


def is_steady() -> bool:
    """Whether this process was started with the settings."""
    return all(os.environ.get(name) == value for name, value in SETTINGS.items())
