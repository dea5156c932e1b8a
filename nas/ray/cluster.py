"""Connecting to Ray: a local one, or a cluster by its address."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from nas.settings import RaySettings, ResourceSettings

CONNECT_SECONDS = 10.0


class ClusterError(RuntimeError):
    """The cluster cannot be reached, or cannot hold a single trial."""


@contextmanager
def connected(settings: RaySettings) -> Iterator[None]:
    """A connection to Ray for as long as the block runs; one that is already there is used.

    Raises:
        ClusterError: no cluster answers at the address.
    """
    if ray.is_initialized():
        yield
        return
    _check_reachable(settings.address)
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        if settings.address is None:
            ray.init(
                address="local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        else:
            ray.init(address=settings.address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = (
            "a local Ray could not be started"
            if settings.address is None
            else (f"no Ray cluster answers at ray.address={settings.address!r}")
        )
        raise ClusterError(f"{where}: {str(error).splitlines()[0]}") from error
    # Ray's own handler leaves at once; ours says what was kept.
    signal.signal(signal.SIGTERM, on_terminate)
    try:
        yield
    finally:
        ray.shutdown()


def _check_reachable(address: str | None) -> None:
    """See that something listens at the address: Ray itself would wait for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or not port.isdigit():
        return  # None, "auto", or a name that Ray resolves
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at ray.address={address!r}: {error.strerror or error}"
        ) from error


def trials_at_once(resources: ResourceSettings) -> int:
    """How many trials the cluster's nodes hold together.

    Raises:
        ClusterError: no node holds a single one.
    """
    slots = 0
    offered = []
    for node in ray.nodes():
        if not node["Alive"]:
            continue
        cpus, gpus = node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0)
        offered.append(f"{cpus:g} CPUs and {gpus:g} GPUs")
        fitting = cpus // resources.cpus_per_trial
        if resources.gpus_per_trial:
            fitting = min(fitting, _gpu_slots(gpus, resources.gpus_per_trial))
        slots += int(fitting)
    if not slots:
        nodes = "; ".join(offered)
        raise ClusterError(
            f"a trial needs {resources.cpus_per_trial:g} CPUs and "
            f"{resources.gpus_per_trial:g} GPUs (resources), but the nodes have: {nodes}"
        )
    return slots


def _gpu_slots(gpus: float, per_trial: float) -> float:
    """A fraction of a GPU is taken from one GPU, so leftovers of several do not add up."""
    # The tolerance keeps 1 / (1/3) = 3.
    if per_trial < 1:
        return gpus * (1 / per_trial + 1e-9) // 1 if gpus < 1 else gpus * int(1 / per_trial + 1e-9)
    return gpus // per_trial
