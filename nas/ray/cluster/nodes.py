"""The living nodes of the connected cluster, and the trials that they hold."""

from __future__ import annotations

import ray

from nas.config.sections import ResourceSettings
from nas.config.trial_slots import Machine, no_slot, trial_slots
from nas.errors import ClusterError


def machines() -> list[Machine]:
    """Return the cluster's living nodes."""
    return [
        Machine(node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0))
        for node in ray.nodes()
        if node["Alive"]
    ]


def nodes_with_a_slot(resources: ResourceSettings) -> int:
    """Return how many of the cluster's nodes hold a trial."""
    return sum(trial_slots([machine], resources) > 0 for machine in machines())


def trials_at_once(resources: ResourceSettings) -> int:
    """Return how many trials the cluster's nodes hold together.

    Raises:
        ClusterError: no node holds even one.
    """
    nodes = machines()
    slots = trial_slots(nodes, resources)
    if not slots:
        raise ClusterError(no_slot(nodes, resources))
    return slots
