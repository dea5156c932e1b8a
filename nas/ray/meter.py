"""Measuring latency on the cluster, with the whole of a device reserved for it."""

from __future__ import annotations

from collections.abc import Sequence

import ray

from nas.config import ResourceSettings
from nas.ray.cluster import ClusterError
from search_space.architecture import Architecture, Task
from search_space.cost.latency import DeviceBusy, Latency, LatencySettings, measure_latency
from search_space.networks import build


def measure_on_cluster(
    architectures: Sequence[Architecture],
    task: Task,
    settings: LatencySettings,
    resources: ResourceSettings,
) -> list[Latency | str]:
    """Latencies, one after another, in one task that holds every CPU or a whole GPU of a node.

    No trial may be running: the task waits for the resources, and they for it.

    Raises:
        ClusterError: no node has the device.
    """
    if not architectures:
        return []
    task_options = _whole_device(settings)
    measure = ray.remote(_measure).options(**task_options)
    texts = [architecture.canonical_json() for architecture in architectures]
    found: list[Latency | str] = ray.get(measure.remote(texts, task, settings))
    return found


def _whole_device(settings: LatencySettings) -> dict[str, float]:
    """All CPUs of the smallest node, or one GPU with all the CPUs beside it."""
    needs_gpu = settings.device.startswith("cuda")
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fitting = [node for node in nodes if node.get("GPU", 0) >= 1 or not needs_gpu]
    if not fitting:
        raise ClusterError(f"latency.device is {settings.device!r}, but no node has a GPU")
    cpus = min(node.get("CPU", 0.0) for node in fitting)
    return {"num_cpus": cpus, "num_gpus": 1 if needs_gpu else 0, "max_retries": 0}


def _measure(texts: Sequence[str], task: Task, settings: LatencySettings) -> list[Latency | str]:
    found: list[Latency | str] = []
    for text in texts:
        architecture = Architecture.from_json(text)
        try:
            model = build(architecture, task, seed=0)
            found.append(measure_latency(model, task.input_shape, settings))
        except (DeviceBusy, ValueError, RuntimeError) as error:
            found.append(f"{type(error).__name__}: {error}")
    return found
