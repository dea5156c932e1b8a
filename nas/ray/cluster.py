"""Connect to Ray: a local one, or a cluster by its address."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from ray.job_config import JobConfig

from nas.config.sections import RaySettings, ResourceSettings
from nas.config.trial_slots import Machine, no_slot, trial_slots
from nas.errors import ClusterError
from nas.ray.authentication import MODE, chosen_mode, ensure_token, ray_environment
from nas.ray.handshake import greet

SOCKET_PATH_BYTES = 107
"""Linux's limit on the path of a socket, without its terminating zero."""


@contextmanager
def connected(settings: RaySettings, modules: str | None = None) -> Iterator[None]:
    """Connect to Ray while the block runs; an existing connection is used.

    Workers import a user's own modules from the folders in which this process finds them.

    A local Ray demands a token, unless ``RAY_AUTH_MODE`` says otherwise. A cluster that demands one
    gets this machine's token.

    Args:
        settings: the section ``ray`` of a configuration.
        modules: the folder of the user's modules, beside PYTHONPATH and the working folder.

    Raises:
        ClusterError: a local Ray does not start, no cluster answers at the address, or it refuses
            this command.
    """
    if ray.is_initialized():
        yield
        return
    address = settings.address or "local"
    local = address == "local"
    if local:
        _check_temporary_folder()
        mode = chosen_mode() or "token"
        if mode == "token":
            ensure_token()
    else:
        mode = greet(address)
    where = {"address": "local", "include_dashboard": False} if local else {"address": address}
    with ray_environment({MODE: mode}):
        on_terminate = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(
                **where,
                job_config=JobConfig(_py_driver_sys_path=_code_folders(modules)),
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # Ray raises Exception itself if a node does not start
            ray.shutdown()
            failed = (
                "a local Ray could not be started"
                if local
                else f"no connection to the Ray cluster at ray.address={address!r}"
            )
            raise ClusterError(f"{failed}: {str(error).splitlines()[0]}") from error
        # Ray's handler exits at once; ours first says what was kept.
        signal.signal(signal.SIGTERM, on_terminate)
        try:
            yield
        finally:
            ray.shutdown()


def _check_temporary_folder() -> None:
    """Raise if the paths of Ray's sockets would be over 107 bytes."""
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


def _code_folders(modules: str | None) -> list[str]:
    """Return the folders that workers import from; Ray adds the working folder."""
    named = [modules, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return [str(Path(folder).resolve()) for folder in named if folder]


def trials_at_once(resources: ResourceSettings) -> int:
    """Return how many trials the cluster's nodes hold together.

    Raises:
        ClusterError: no node holds even one.
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
