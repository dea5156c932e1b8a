"""The parts that the time of a search's workers is divided into, and their names in tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

TimePart = Literal[
    "training",
    "evaluation",
    "loading",
    "preparation",
    "latency",
    "lost",
    "waiting_driver",
    "waiting_work",
    "waiting_start",
    "waiting_cpus",
    "waiting_memory",
    "waiting_storage",
    "waiting_machine",
]
"""A part of a worker's time. A worker is in one of them at every moment:

========================= =====================================================================
``training``              steps of trainings that ended or go on
``evaluation``            evaluations of networks on the validation images
``loading``               reading images, or waiting for those that are decoded
``preparation``           the rest of a worker's own work: building networks, saving states
``latency``               latency measurements, for which all workers' places are kept free
``lost``                  work of attempts that died, and are made again
``waiting_driver``        the worker waits for the driver: for its next job, or step
``waiting_work``          there is nothing to train until other trials end
``waiting_start``         the worker's process starts
``waiting_cpus``          Ray has no CPUs or GPUs free for a worker, or no node that holds one
``waiting_memory``        memory ran short: fewer trials run at a time, or none
``waiting_storage``       the driver waits for the ledger's server
``waiting_machine``       the driver waits for Ray, or lets the machine recover
========================= =====================================================================
"""

LABELS: Mapping[TimePart, str] = MappingProxyType(
    {
        "training": "training",
        "evaluation": "evaluation",
        "loading": "loading data",
        "preparation": "building networks, saving states",
        "latency": "measuring latency",
        "lost": "lost: attempts that died",
        "waiting_driver": "waiting for the driver",
        "waiting_work": "waiting: nothing to train",
        "waiting_start": "waiting for workers to start",
        "waiting_cpus": "waiting for CPUs or GPUs",
        "waiting_memory": "waiting for memory",
        "waiting_storage": "waiting for the storage",
        "waiting_machine": "waiting for Ray",
    }
)
"""The names of the parts in tables, in their order."""

WAITS = tuple(part for part in LABELS if part.startswith("waiting_"))
"""The parts in which a worker, or the place of one, waits."""

NO_SECONDS: Mapping[str, float] = {}  # (Ray's pickle takes no MappingProxyType)


def sum_of(each: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the seconds of each part, summed up."""
    total: dict[str, float] = {}
    for seconds in each:
        for part, more in seconds.items():
            total[part] = total.get(part, 0.0) + more
    return total
