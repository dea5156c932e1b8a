"""The trainings that fit into given hours, by the measured time of each network's training."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Trainings(NamedTuple):
    """The trainings of one network that are left."""

    left: int
    seconds: float  # of one


def wall_seconds(networks: Iterable[Trainings], at_once: int) -> float:
    """Return the time until all trainings are done, each begun as soon as there is room.

    Args:
        networks: in the order of their trainings.
        at_once: trainings at the same time.
    """
    ends = [0.0] * at_once
    for network in networks:
        for _ in range(network.left):
            heapq.heapreplace(ends, ends[0] + network.seconds)
    return max(ends)


def fitting(original: Trainings, swapped: Sequence[Trainings], hours: float, at_once: int) -> int:
    """Return how many of the first swapped networks can be trained within some hours.

    The original, which all are compared with, is trained first. The first network that does not
    fit ends the choice, so that more hours only add networks. A network with nothing left to train
    takes no time.

    Args:
        original: the network itself.
        swapped: in the order of trainings.
        hours: wall time.
        at_once: trainings at the same time.
    """
    for count in range(len(swapped), 0, -1):
        if wall_seconds([original, *swapped[:count]], at_once) <= 3600 * hours:
            return count
    return 0
