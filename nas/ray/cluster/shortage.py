"""The CPUs and GPUs that searches and full trainings lack at present, and who has them."""

from __future__ import annotations

from typing import Any

from ray._private.state import available_resources_per_node
from ray.util import placement_group_table

from nas.config.sections import ResourceSettings
from nas.config.trial_slots import Machine, trial_slots
from nas.ray.cluster.nodes import usable_nodes, with_room

PREFIX = "nas search "
"""The beginning of the names of searches' placement groups, which all users of the cluster see."""


def reservation_name(run: str, token: str) -> str:
    """Return the beginning of the names of a search's placement groups.

    Args:
        run: the run's name.
        token: tells the drivers of runs of one name apart.
    """
    return f"{PREFIX}{run} {token}"


def pending_reservations(name: str) -> int:
    """Return how many of a search's placement groups wait for CPUs or GPUs.

    Args:
        name: the beginning of their names.
    """
    groups = placement_group_table().values()
    return sum(_is_of(name, group) and group["state"] == "PENDING" for group in groups)


def search_shortage(name: str, resources: ResourceSettings, pending: int) -> str:
    """Return what a search waits for, after the words "waiting for".

    Args:
        name: the beginning of the names of its placement groups.
        resources: CPUs and GPUs of one trial.
        pending: how many of them wait, 1 or more.
    """
    return _shortage(resources, "1 trial needs" if pending == 1 else f"{pending} trials need", name)


def worker_shortage(resources: ResourceSettings, pending: int) -> str:
    """Return what workers of full trainings wait for, after the words "waiting for".

    Args:
        resources: CPUs and GPUs of one worker.
        pending: how many of them wait, 1 or more.

    Returns:
        nothing if the cluster has room for one, which is about to start.
    """
    if with_room((node["NodeID"] for node in usable_nodes(resources.device)), resources):
        return ""
    need = "1 worker needs" if pending == 1 else f"{pending} workers need"
    return _shortage(resources, need, None)


def _shortage(resources: ResourceSettings, need: str, name: str | None) -> str:
    """Say what is needed, what is free, and which other searches have reserved the rest.

    Args:
        resources: CPUs and GPUs of one trial or worker.
        need: who needs them.
        name: the beginning of the names of the own placement groups; None without any.
    """
    free = available_resources_per_node()
    usable = usable_nodes(resources.device)
    nodes = [(node["Resources"], free.get(node["NodeID"], {})) for node in usable]
    by_cpus = [Machine(left.get("CPU", 0.0), whole.get("GPU", 0.0)) for whole, left in nodes]
    kind, each = "CPU", resources.cpus_per_trial
    if resources.gpus_per_trial and trial_slots(by_cpus, resources):
        kind, each = "GPU", resources.gpus_per_trial
    total = sum(whole.get(kind, 0.0) for whole, _ in nodes)
    unused = sum(left.get(kind, 0.0) for _, left in nodes)
    holders = {
        group["name"].removeprefix(PREFIX).rsplit(" ", 2)[0]
        for group in placement_group_table().values()
        if group["state"] == "CREATED" and group["name"].startswith(PREFIX)
        if name is None or not _is_of(name, group)
    }
    by = f"; others are reserved by the search {' and '.join(sorted(holders))}" if holders else ""
    return f"{kind}s: {need} {each:g} each, and {unused:g} of {total:g} are free{by}"


def _is_of(name: str, group: dict[str, Any]) -> bool:
    """Return whether a placement group is of the search with that name of its groups."""
    return str(group["name"]).startswith(f"{name} ")
