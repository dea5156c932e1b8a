"""The latency meter: measures on the cluster, with a whole device reserved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray
from ray._private.state import available_resources_per_node
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nas.errors import ClusterError
from nas.evaluation.evaluate import traceback_of
from nas.ray.cluster.nodes import check_device, usable_nodes
from nas.ray.cluster.waits import first_ready
from nas.ray.recovery.deaths import is_fault_of_machine, is_of_node, machine_fault
from nas.ray.recovery.losses import Losses
from nas.search.waiting import Waiting
from search_space.architecture import Architecture, Task
from search_space.cost.core_speed import CoreSpeed
from search_space.cost.latency import measure_latency
from search_space.cost.latency_record import DeviceBusy, Latency, LatencySettings
from search_space.networks import build


def measure_on_cluster(
    architectures: Sequence[Architecture],
    task: Task,
    settings: LatencySettings,
    *,
    device: str | None = None,
    waiting: Waiting,
    patience_seconds: float,
    check: Callable[[], None],
) -> list[Latency | str | DeviceBusy]:
    """Measure latencies one after another, in one task that reserves a node's CPUs (and a GPU).

    No trial may be running, since the task waits for all of the node's resources. The node is the
    same as long as the cluster does not change.

    Args:
        architectures: those to measure.
        task: their images and classes.
        settings: the section ``latency`` of a configuration.
        device: ``resources.device``, which the node must have; None for any.
        waiting: shows what is waited for.
        patience_seconds: the longest wait for memory.
        check: raises if the cluster is lost.

    Returns:
        for each architecture its latency, the traceback of what it raised, or, if three workers in
        a row died of it, why the last one did; DeviceBusy for the first during which something else
        ran on the device, and for all after it.

    Raises:
        ClusterError: no node has the device, its machine is at fault, or memory is short for
            longer than the patience.
        ClusterLost: the cluster is lost.
    """
    if not architectures:
        return []
    losses = Losses(waiting, patience_seconds, check)
    while True:
        try:
            return _measure_once(architectures, task, settings, device, waiting, check)
        except RayTaskError as raised:
            if not is_fault_of_machine(raised):
                raise raised.cause from None  # a network's own error is a result, not raised
            error: RayError = raised
        except RayError as lost:
            error = lost
        if not losses.may_begin_again("latency", error):
            break
        if len(architectures) > 1:
            # One of them may have killed the worker: each is measured alone.
            alone = [
                measure_on_cluster(
                    [each],
                    task,
                    settings,
                    device=device,
                    waiting=waiting,
                    patience_seconds=patience_seconds,
                    check=check,
                )
                for each in architectures
            ]
            return [result for results in alone for result in results]
    account = losses.account("latency", error)
    if is_fault_of_machine(error) or is_of_node(error):
        raise ClusterError(
            f"a latency cannot be measured: {account}; mend the machine, then resume"
        )
    return [account]


def _measure_once(
    architectures: Sequence[Architecture],
    task: Task,
    settings: LatencySettings,
    device: str | None,
    waiting: Waiting,
    check: Callable[[], None],
) -> list[Latency | str | DeviceBusy]:
    node = _meter_node(settings, device)
    measure = ray.remote(
        num_cpus=node["Resources"]["CPU"],
        num_gpus=1 if settings.device.startswith("cuda") else 0,
        num_returns="streaming",
        max_calls=1,
        max_retries=0,
    )(_stream).options(
        scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    )
    texts = [architecture.canonical_json() for architecture in architectures]
    waits_for = _reserved_by_others(node)
    stream: Any = measure.remote(texts, task, settings)
    try:
        waiting.note_beside(waits_for)
        first_ready([stream], check)
        ray.get(next(stream))  # it has begun
    finally:
        waiting.note_beside("")
    first_ready([stream], check)
    results: list[Latency | str | DeviceBusy] = ray.get(next(stream))
    return results


def _reserved_by_others(node: dict[str, Any]) -> str:
    """Return what a measurement will wait for; empty if its node is free."""
    total = node["Resources"]["CPU"]
    free = available_resources_per_node().get(node["NodeID"], {}).get("CPU", 0.0)
    if free >= total:
        return ""
    return f"CPUs: a latency is measured on an idle node, and {free:g} of its {total:g} are free"


def check_meter(settings: LatencySettings, device: str | None = None) -> None:
    """Check that a node has the device to measure on.

    Raises:
        ClusterError: no node has the device.
    """
    _meter_node(settings, device)


def _meter_node(settings: LatencySettings, device: str | None) -> dict[str, Any]:
    """Return the node to measure on: it has the device and most CPUs; ties go by address.

    Raises:
        ClusterError: no node has the devices.
    """
    check_device(device)
    needs_gpu = settings.device.startswith("cuda")
    fitting = [
        node
        for node in usable_nodes(device)
        if node["Resources"].get("CPU", 0) >= 1
        and (node["Resources"].get("GPU", 0) >= 1 or not needs_gpu)
    ]
    if not fitting:
        needed = "a GPU and a CPU" if needs_gpu else "a CPU"
        raise ClusterError(f"latency.device is {settings.device!r}, but no node has {needed}")
    return min(fitting, key=lambda node: (-node["Resources"]["CPU"], node["NodeManagerAddress"]))


def _stream(
    texts: Sequence[str], task: Task, settings: LatencySettings
) -> Iterator[list[Latency | str | DeviceBusy] | None]:
    """Yield None as it begins, and then the results."""
    yield None
    yield _measure(texts, task, settings)


def _measure(
    texts: Sequence[str], task: Task, settings: LatencySettings
) -> list[Latency | str | DeviceBusy]:
    results: list[Latency | str | DeviceBusy] = []
    core = CoreSpeed()
    for text in texts:
        try:
            model = build(Architecture.from_json(text, imports=True), task, seed=0)
            results.append(measure_latency(model, task.input_shape, settings, core))
        except DeviceBusy as busy:  # the device's fault, not the architecture's
            return results + [busy] * (len(texts) - len(results))
        except Exception as error:
            if machine_fault(error):
                raise
            results.append(traceback_of(error))
    return results
