"""The peak memory of a step, as PyTorch's allocator counts it and as the system sees it."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from search_space.tracing.memory import peak_bytes

MIB = 2**20
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
MAPPED_BYTES = 4096


def allocated_peak_mib(step: Callable[[], Any], device: torch.device) -> float:
    """The most that PyTorch has allocated at once during a step, beyond what was there before."""
    gc.collect()
    if device.type != "cuda":
        return peak_bytes(step) / MIB
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / MIB


def return_freed_memory() -> None:
    """Give freed memory back to the system at once from now on: blocks are mapped one by one.

    For :func:`resident_growth_mib`; nothing can be timed any more.
    """
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
    libc.mallopt(M_TRIM_THRESHOLD, 0)
    libc.malloc_trim(0)


def resident_growth_mib(step: Callable[[], Any]) -> float | None:
    """The most by which a step makes this process larger in memory; None where Linux hides it.

    It includes what an operator allocates past PyTorch (scratch of a kernel in C++), and not what a
    library keeps from one step to the next. To within about half a MiB a thread. Run the step at
    least once before.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _status_mib("VmRSS")
        step()
        return max(0.0, _status_mib("VmHWM") - before)
    except (OSError, LookupError):
        return None


def _status_mib(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) / 1024
    raise LookupError(field)
