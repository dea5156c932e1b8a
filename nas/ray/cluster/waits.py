"""Waits for results of Ray, which end if the cluster is lost meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import ray

CHECK_EVERY_SECONDS = 1.0

NOTICED_SECONDS = 2.5
"""The death of a local Ray is noticed within this time."""


def first_ready(references: Sequence[Any], check: Callable[[], None]) -> Any:
    """Return the first of some references whose result is there.

    Args:
        references: at least one.
        check: is called every second; raises if the cluster is lost.
    """
    while True:
        ready, _ = ray.wait(list(references), num_returns=1, timeout=CHECK_EVERY_SECONDS)
        if ready:
            return ready[0]
        check()


def look_after_loss(check: Callable[[], None]) -> None:
    """Raise if a worker was lost since its cluster is; see :func:`first_ready` for ``check``.

    Tasks on a dead cluster fail at once, sooner than its death is noticed.
    """
    time.sleep(NOTICED_SECONDS)
    check()


def result_of(reference: Any, check: Callable[[], None]) -> Any:
    """Return the result of a reference; arguments are those of :func:`first_ready`.

    Raises:
        RayError: the task raised, or its worker was lost.
    """
    return ray.get(first_ready([reference], check))
