"""The living nodes of the connected cluster that may be used, and the trials that they hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import ray
from ray._private.state import available_resources_per_node

from nas.config.sections import ResourceSettings
from nas.config.trial_slots import Machine, no_slot, trial_slots
from nas.errors import ClusterError
from nas.ray.cluster.node_facts import accelerators_of, facts_of

NODE_LABEL = "ray.io/node-id"
"""The label that Ray gives every node."""


def usable_nodes(device: str | None) -> list[dict[str, Any]]:
    """Return the living nodes, as :func:`ray.nodes` has them, that have the device.

    Args:
        device: ``resources.device``; None for any.
    """
    living = [node for node in ray.nodes() if node["Alive"]]
    if device is None:
        return living
    known = zip(living, facts_of(living), strict=True)
    return [node for node, facts in known if facts and facts.has(device, accelerators_of(node))]


def check_device(device: str | None) -> None:
    """Check that a node has the device; None stands for any.

    Raises:
        ClusterError: none has; the message has what they have.
    """
    if device is None or usable_nodes(device):
        return
    living = [node for node in ray.nodes() if node["Alive"]]
    offered = []
    for node, facts in zip(living, facts_of(living), strict=True):
        accelerators = accelerators_of(node)
        names = facts.names(accelerators) if facts else ["it does not answer", *accelerators]
        offered.append(f"{node['NodeManagerAddress']}: {', '.join(names)}")
    raise ClusterError(
        f"no node has resources.device={device!r}; the nodes have: {'; '.join(offered)}"
    )


def check_data(device: str | None, data_path: str) -> None:
    """Check that all nodes that trials may run on have the data.

    Raises:
        ClusterError: some have not; the message names them.
    """
    nodes = usable_nodes(device)
    lacking = [
        node["NodeManagerAddress"]
        for node, facts in zip(nodes, facts_of(nodes, data_path), strict=True)
        if facts is None or facts.data == "missing"
    ]
    if lacking:
        raise ClusterError(
            f"{len(lacking)} of {len(nodes)} nodes have no data.path={data_path}, which their "
            f"workers read: {', '.join(lacking)}; put the data at the same place on each"
        )


def machines(resources: ResourceSettings) -> list[Machine]:
    """Return the machines of the nodes that have the device."""
    return [_machine(node["Resources"]) for node in usable_nodes(resources.device)]


def nodes_with_a_slot(resources: ResourceSettings) -> int:
    """Return how many of the cluster's nodes hold a trial."""
    return sum(trial_slots([machine], resources) > 0 for machine in machines(resources))


def trials_at_once(resources: ResourceSettings) -> int:
    """Return how many trials the cluster's nodes hold together.

    Raises:
        ClusterError: no node has the device, or none holds even one.
    """
    check_device(resources.device)
    nodes = machines(resources)
    slots = trial_slots(nodes, resources)
    if not slots:
        raise ClusterError(no_slot(nodes, resources))
    return slots


def selector(device: str | None) -> dict[str, str]:
    """Return the labels by which Ray keeps a task to the nodes that have the device now.

    Raises:
        ClusterError: none has.
    """
    if device is None:
        return {}
    check_device(device)
    return on_nodes([node["NodeID"] for node in usable_nodes(device)])


def kept_to(task: Any, device: str | None) -> Any:
    """Return a remote function that runs on the nodes alone that have the device now.

    Raises:
        ClusterError: none has.
    """
    return task if device is None else task.options(label_selector=selector(device))


def on_nodes(nodes: Sequence[str]) -> dict[str, str]:
    """Return the labels that keep a task or trial to some nodes."""
    return {NODE_LABEL: f"in({','.join(nodes)})"}


def living_nodes() -> set[str]:
    """Return the ids of the living nodes."""
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def nodes_near_data(resources: ResourceSettings, data_path: str | None) -> tuple[str, ...]:
    """Return the ids of the nodes that have the data, where others that trials may use do not.

    Data that workers read from a path are on the nodes where it is on a local disk. The images of
    other data are in the memory of this process's node, from which Ray copies them once to each
    other node that needs them.

    Args:
        resources: CPUs and GPUs of one trial.
        data_path: of data that each worker reads itself; None for none.
    """
    nodes = usable_nodes(resources.device)
    if data_path is None:
        own = ray.get_runtime_context().get_node_id()
        near = [node["NodeID"] for node in nodes if node["NodeID"] == own]
    else:
        known = zip(nodes, facts_of(nodes, data_path), strict=True)
        near = [node["NodeID"] for node, facts in known if facts and facts.data == "here"]
    return tuple(near) if len(near) < len(nodes) else ()


def with_room(nodes: Iterable[str], resources: ResourceSettings) -> list[str]:
    """Return those of some nodes, by their ids, that have room for a trial at present."""
    free = available_resources_per_node()
    return [node for node in nodes if trial_slots([_machine(free.get(node, {}))], resources)]


def smallest_gpu_memory_mb(resources: ResourceSettings) -> float | None:
    """Return the memory of the smallest GPU that trials may run on, in megabytes (10^6 bytes).

    Returns:
        None where no node says it.
    """
    known = facts_of(usable_nodes(resources.device))
    return min((each.gpu_memory_mb for each in known if each and each.gpu_memory_mb), default=None)


def _machine(resources: dict[str, float]) -> Machine:
    return Machine(resources.get("CPU", 0.0), resources.get("GPU", 0.0))
