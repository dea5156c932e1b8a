"""Connecting to Ray: a local one, or a cluster by its address."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from nas.settings import RaySettings, ResourceSettings
from nas.trial_slots import Machine, no_slot, trial_slots

CONNECT_SECONDS = 10.0

SOCKET_PATH_BYTES = 107
"""Linux's limit on the path of a socket, without its end."""


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
    if settings.address is None:
        _check_temporary_folder()
    else:
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
    except (OSError, RuntimeError, ValueError) as error:
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


def _check_temporary_folder() -> None:
    """See that Ray's sockets can lie where it puts them: a socket's path is at most 107 bytes."""
    variable = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    folder = os.environ.get(variable, "/tmp")
    session = f"/ray/session_2000-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store"
    most_bytes = SOCKET_PATH_BYTES - len(session)
    size_bytes = len(os.fsencode(folder))
    if size_bytes > most_bytes:
        raise ClusterError(
            f"{variable} is too long, {size_bytes} bytes: Ray puts its sockets below it, whose "
            f"paths the system limits to {SOCKET_PATH_BYTES} bytes, which leaves {most_bytes}; set "
            f"a shorter one, such as RAY_TMPDIR=/tmp; got {folder}"
        )


def _check_reachable(address: str) -> None:
    """See that something listens at the address: Ray itself would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        return  # "auto", or a name that Ray resolves
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
    nodes = [
        Machine(node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0))
        for node in ray.nodes()
        if node["Alive"]
    ]
    slots = trial_slots(nodes, resources)
    if not slots:
        raise ClusterError(no_slot(nodes, resources))
    return slots
