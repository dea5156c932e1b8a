"""The number of trials that machines hold at once, by the rules of Ray, but without Ray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nas.config.sections import ResourceSettings

ROUNDING = 1e-9
"""Keeps 7 / 0.07 at 100, in spite of rounding."""


class Machine(NamedTuple):
    """The CPUs and GPUs of one machine."""

    cpus: float
    gpus: float


def trial_slots(machines: Sequence[Machine], resources: ResourceSettings) -> int:
    """Return how many trials ``machines`` hold together; 0 if none holds a single one.

    A trial is on one machine, and a fraction of a GPU on one GPU: remainders of several machines or
    GPUs do not add up.
    """
    return sum(_slots_of(machine, resources) for machine in machines)


def no_slot(machines: Sequence[Machine], resources: ResourceSettings) -> str:
    """Return the message that says what a trial needs and what the machines have."""
    offered = "; ".join(f"{each.cpus:g} CPUs and {each.gpus:g} GPUs" for each in machines)
    return (
        f"a trial needs {resources.cpus_per_trial:g} CPUs and {resources.gpus_per_trial:g} GPUs "
        f"(resources), but the nodes have: {offered}"
    )


def _slots_of(machine: Machine, resources: ResourceSettings) -> int:
    slots = _times(machine.cpus, resources.cpus_per_trial)
    per_trial = resources.gpus_per_trial
    if not per_trial:
        return slots
    if per_trial >= 1:
        return min(slots, _times(machine.gpus, per_trial))
    whole = int(machine.gpus)
    by_gpu = whole * _times(1, per_trial) + _times(machine.gpus - whole, per_trial)
    return min(slots, by_gpu)


def _times(available: float, each: float) -> int:
    """Return how often ``each`` fits into ``available``."""
    return int(available / each + ROUNDING)
