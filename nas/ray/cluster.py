"""Connecting to Ray: a local one, or a cluster by its address."""

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
from nas.ray.greeting import greet

SOCKET_PATH_BYTES = 107
"""Linux's limit on the path of a socket, without its end."""


@contextmanager
def connected(settings: RaySettings, modules: str | None = None) -> Iterator[None]:
    """A connection to Ray for as long as the block runs; one that is already there is used.

    Workers import modules of the user's own from the folders that this process finds them in.

    A local Ray demands a token, unless ``RAY_AUTH_MODE`` says otherwise; a cluster gets the token
    that this machine has if it demands one.

    Args:
        settings: where Ray is.
        modules: the folder of such modules, beside PYTHONPATH and the working folder.

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
        except Exception as error:  # Ray raises this very class where a node does not come up
            ray.shutdown()
            failed = (
                "a local Ray could not be started"
                if local
                else f"no connection to the Ray cluster at ray.address={address!r}"
            )
            raise ClusterError(f"{failed}: {str(error).splitlines()[0]}") from error
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


def _code_folders(modules: str | None) -> list[str]:
    """Where workers import from, beside what is installed; Ray adds the working folder."""
    named = [modules, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return [str(Path(folder).resolve()) for folder in named if folder]


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
