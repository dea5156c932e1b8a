"""Facts of a cluster's nodes that Ray does not know: their devices, and where the data are.

A task on each node finds them out, once for as long as this process lives: a node that is started
again has another id.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nas.storage.database.file_systems import network_place
from search_space.cost.latency import device_name

log = logging.getLogger(__name__)

ANSWER_SECONDS = 60.0
"""The longest wait for the answers of a cluster's nodes; a worker takes seconds to start."""

ACCELERATOR = "accelerator_type:"
"""The beginning of the resource by which Ray names a node's accelerator, such as ``H200``."""


class NodeFacts(NamedTuple):
    """The devices of a node, and whether it has the data."""

    cpu: str  # the processor's own name
    gpus: tuple[str, ...]  # the GPUs' own names, by number
    gpu_memory_mb: float | None  # of the smallest GPU; None without one
    data: str  # here, network, or missing; here too if none are asked for

    def has(self, device: str, accelerators: Iterable[str]) -> bool:
        """Return whether the node's processor, or each of its GPUs, is a ``device``.

        Args:
            device: the device's own name, or Ray's shorter name of an accelerator.
            accelerators: Ray's names of the node's.
        """
        wanted = device.casefold()
        named = {self.cpu, *accelerators} | (set(self.gpus) if len(set(self.gpus)) == 1 else set())
        return wanted in {name.casefold() for name in named}

    def names(self, accelerators: Iterable[str]) -> list[str]:
        """Return the names of the node's devices; ``accelerators`` are Ray's names of them."""
        return list(dict.fromkeys([self.cpu, *self.gpus, *accelerators]))


_known: dict[tuple[str, str | None], NodeFacts] = {}


def facts_of(
    nodes: Iterable[dict[str, Any]], data_path: str | None = None
) -> list[NodeFacts | None]:
    """Return the facts of living nodes, in their order; None for one that does not answer now.

    Args:
        nodes: as :func:`ray.nodes` has them.
        data_path: of data that each worker reads itself; None for none.
    """
    ids = [str(node["NodeID"]) for node in nodes]
    asked = {_ask(each, data_path): each for each in ids if (each, data_path) not in _known}
    if asked:
        ready, late = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_SECONDS)
        for answer in ready:
            try:
                _known[asked[answer], data_path] = ray.get(answer)
            except RayError as error:  # it has died
                log.warning("node %s: %s", asked[answer][:12], str(error).splitlines()[0])
        for silent in late:
            log.warning(
                "node %s has not said in %g s which devices it has; it is not used yet",
                asked[silent][:12],
                ANSWER_SECONDS,
            )
            ray.cancel(silent)
    return [_known.get((each, data_path)) for each in ids]


def accelerators_of(node: dict[str, Any]) -> list[str]:
    """Return Ray's names of a node's accelerators."""
    resources = node["Resources"]
    return [name.removeprefix(ACCELERATOR) for name in resources if name.startswith(ACCELERATOR)]


def _ask(node: str, data_path: str | None) -> Any:
    task = ray.remote(num_cpus=0, max_retries=0)(facts_here)
    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    return task.options(scheduling_strategy=strategy).remote(data_path)


def facts_here(data_path: str | None) -> NodeFacts:
    """Return the facts of this machine."""
    names, memory_mb = _gpus()
    data = "here"
    if data_path is not None:
        path = Path(data_path)
        data = "network" if network_place(path) else "here"
        if not path.exists():
            data = "missing"
    return NodeFacts(device_name("cpu"), names, memory_mb, data)


def _gpus() -> tuple[tuple[str, ...], float | None]:
    """Return the names of this machine's GPUs, and the smallest memory in megabytes (10^6 bytes).

    Nvidia's library is asked, since Ray hides GPUs from a task that reserves none.
    """
    import ray._private.thirdparty.pynvml as nvml  # noqa: PLC0415 (the workers' part)

    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return (), None
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(n) for n in range(nvml.nvmlDeviceGetCount())]
        names = [nvml.nvmlDeviceGetName(handle) for handle in handles]
        totals = [nvml.nvmlDeviceGetMemoryInfo(handle).total / 1e6 for handle in handles]
    finally:
        nvml.nvmlShutdown()
    shown = (name.decode() if isinstance(name, bytes) else name for name in names)
    return tuple(shown), min(totals, default=None)
