"""Reservations: which of the resources that Tune has asked Ray for are still to be granted."""

from __future__ import annotations

from typing import Any

from ray.util import placement_group_table


def waiting_reservations(tune_controller: Any) -> int:
    """Return how many placement groups wait for CPUs or GPUs.

    Tune itself only knows which are not usable yet: where Ray has granted one, a process that tells
    Tune so may still have to start.

    Args:
        tune_controller: the one that a scheduler gets; Tune has no public way to ask for them.
    """
    resources = tune_controller._actor_manager._resource_manager
    staged = [group for groups in resources._request_to_staged_pgs.values() for group in groups]
    return sum(placement_group_table(each).get("state") == "PENDING" for each in staged)
