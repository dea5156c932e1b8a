"""Placement of a trial: what it reserves, and the nodes that it may run on."""

from __future__ import annotations

import math
import secrets
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from ray import tune
from ray.util.placement_group import PlacementGroup, placement_group

from nas.config.sections import ResourceSettings
from nas.config.trial_slots import ROUNDING
from nas.costs.static_costs import peak_memory_mb
from nas.evaluation.assignment import Assignment
from nas.evaluation.messages import REQUEST, TrialRequest
from nas.ray.cluster.nodes import NODE_LABEL, on_nodes, usable_nodes, with_room
from search_space.architecture import Architecture
from search_space.cost import network_costs

CONTEXT_MB = 700.0
"""Memory that a process takes on a GPU for CUDA and its libraries, in megabytes (10^6 bytes)."""

MARGIN = 1.2
"""The allocator's and the kernels' memory beyond the estimate, as a factor of it."""


class Reservation(tune.PlacementGroupFactory):
    """A trial's reservation. Each placement group of it has a name of its own, as Ray demands.

    Equal reservations may use each other's groups, and Tune their workers.

    Args:
        bundle: amounts of Ray's resources.
        name: the beginning of its groups' names.
        labels: of the nodes that it may be on; empty for all.
        near: the nodes where groups are made as long as one has room.
    """

    def __init__(
        self,
        bundle: dict[str, float],
        name: str,
        labels: dict[str, str],
        near: NearNodes,
    ) -> None:
        where: dict[str, Any] = {"bundle_label_selector": [labels]} if labels else {}
        super().__init__([bundle], strategy="STRICT_PACK", name=name, **where)
        self._name, self._where, self._near = name, where, near

    def to_placement_group(self) -> PlacementGroup:
        """Make a placement group."""
        name = f"{self._name} {secrets.token_hex(4)}"
        return placement_group(
            self.bundles,
            self.strategy,
            name=name,
            _soft_target_node_id=self._near.next(),
            **self._where,
        )


class NearNodes:
    """The nodes that have the data, in turn.

    Args:
        nodes: their ids.
        resources: CPUs and GPUs of one trial.
    """

    def __init__(self, nodes: tuple[str, ...], resources: ResourceSettings) -> None:
        self._nodes, self._resources = deque(nodes), resources

    def next(self) -> str | None:
        """Return the next one that has room for a trial; None if none has."""
        free = with_room(self._nodes, self._resources) if self._nodes else []
        if not free:
            return None
        self._nodes.rotate(-1 - self._nodes.index(free[0]))  # it is the last one now
        return free[0]


@dataclass(frozen=True)
class Placement:
    """Reservations of trials: their size, and the nodes that they may be on.

    Attributes:
        resources: CPUs and GPUs of one trial.
        name: the beginning of the reservations' names, for other users of the cluster.
        near: the nodes that trials prefer.
        gpu_memory_mb: of the smallest GPU; None without one.
        peak_memory_mb: estimates the peak memory of an architecture's JSON in the trials'
            training; None where it bounds nothing.
    """

    resources: ResourceSettings
    name: str
    near: NearNodes
    gpu_memory_mb: float | None = None
    peak_memory_mb: Callable[[str], float] | None = None

    def factory(self, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """Return what Tune reserves for a trial, on a node that its request allows.

        Args:
            config: holds the trial's request.
        """
        request: TrialRequest = config[REQUEST]
        bundle = {"CPU": self.resources.cpus_per_trial, "GPU": self._gpus(request)}
        labels = {}
        if request.nodes:
            labels = on_nodes(request.nodes)
        elif request.avoided_nodes:
            labels = {NODE_LABEL: f"!in({','.join(request.avoided_nodes)})"}
        return Reservation(bundle, self.name, labels, self.near)

    def nodes_for(self, avoided: Collection[str]) -> tuple[str, ...]:
        """Return the ids of the nodes that a trial may run on; empty for all but the avoided."""
        if self.resources.device is None:
            return ()
        usable = tuple(node["NodeID"] for node in usable_nodes(self.resources.device))
        return tuple(node for node in usable if node not in avoided) or usable

    def _gpus(self, request: TrialRequest) -> float:
        per_trial = self.resources.gpus_per_trial
        if self.gpu_memory_mb is None or self.peak_memory_mb is None:
            return per_trial
        peak_mb = self.peak_memory_mb(request.architecture)
        return gpu_share(peak_mb, self.gpu_memory_mb, per_trial)


def peak_memory_of(assignment: Assignment) -> Callable[[str], float]:
    """Return the estimate of the peak memory of a trial, in megabytes (10^6 bytes).

    It takes an architecture's JSON. It is 0 for one that cannot be read or built: the training says
    why.
    """
    fidelity, task = assignment.fidelity, assignment.fidelity.task(assignment.task)

    def estimate(text: str) -> float:
        try:
            network = fidelity.network(Architecture.from_json(text, imports=True))
            params = network_costs(network, task).params
            return peak_memory_mb(network, task, assignment.recipe.batch_size, params)
        except ValueError:
            return 0.0

    return estimate


def gpu_share(peak_mb: float, memory_mb: float, per_trial: float) -> float:
    """Return the share of a GPU that holds a trial: a multiple of ``per_trial``, at most 1.

    Trials that share a GPU then never need more memory together than it has, as far as the
    estimates go. Multiples let a worker go on with another trial of the same share.

    Args:
        peak_mb: the trial's estimated peak memory, in megabytes (10^6 bytes).
        memory_mb: the GPU's.
        per_trial: ``resources.gpus_per_trial``, below 1.
    """
    needed = (MARGIN * peak_mb + CONTEXT_MB) / memory_mb
    return min(1.0, per_trial * max(1, math.ceil(needed / per_trial - ROUNDING)))
