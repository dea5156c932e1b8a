"""How many trials machines hold at once, by the rules of Ray, but without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nas.config.sections import ResourceSettings

ROUNDING = 1e-9
"""Keeps 7 / 0.07 = 100."""


class Machine(NamedTuple):
    """What one machine offers."""

    cpus: float
    gpus: float


def trial_slots(machines: Sequence[Machine], resources: ResourceSettings) -> int:
    """How many trials ``machines`` hold together; 0 if none holds a single one.

    A trial is on one machine, and a fraction of a GPU on one GPU: what is left of several does not
    add up.
    """
    return sum(_slots_of(machine, resources) for machine in machines)


def no_slot(machines: Sequence[Machine], resources: ResourceSettings) -> str:
    """What a trial needs and the machines have."""
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
    """How often ``each`` fits."""
    return int(available / each + ROUNDING)
