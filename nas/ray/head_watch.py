"""Watch Ray's head and this machine's node of it: Ray itself says after a minute that one is gone.

Ray then ends the driver's process without a word, so it must be noticed before.
"""

from __future__ import annotations

import socket
import time
from typing import Protocol

import psutil
import ray

RAYS_PROCESSES = {"gcs_server": "head", "raylet": "node manager"}
"""The processes of a local Ray without which it does nothing, as Ray's documentation calls them."""

ASK_EVERY_SECONDS = 2.0
CONNECT_SECONDS = 2.0
MOST_SILENT = 3
"""A head that refuses so many connections in a row is lost."""


class HeadWatch(Protocol):
    """A watch of the head and of this machine's node."""

    def lost(self) -> str:
        """Return what is lost; empty if nothing is. It is quick, and may be called often."""


class LocalHeadWatch:
    """The watch of a local Ray, whose processes are children of this one."""

    def __init__(self) -> None:
        children = psutil.Process().children()
        self._processes = [child for child in children if child.name() in RAYS_PROCESSES]
        self._names = {child.pid: child.name() for child in self._processes}

    def lost(self) -> str:
        """See :class:`HeadWatch`."""
        for process in self._processes:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                name = self._names[process.pid]
                return f"the {RAYS_PROCESSES[name]} of the local Ray ({name}) has died"
        return ""


class RemoteHeadWatch:
    """The watch of a cluster's head, and of this machine's node, by their ports."""

    def __init__(self) -> None:
        context = ray.get_runtime_context()
        own = context.get_node_id()
        self._places = {"head": _address(context.gcs_address)}
        for node in ray.nodes():
            if node["NodeID"] == own:
                port = int(node["NodeManagerPort"])
                self._places["node of this machine"] = (node["NodeManagerAddress"], port)
        self._silent = dict.fromkeys(self._places, 0)
        self._next = 0.0

    def lost(self) -> str:
        """See :class:`HeadWatch`."""
        if time.monotonic() < self._next:
            return ""
        for name, (host, port) in self._places.items():
            try:
                socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
                self._silent[name] = 0
            except OSError:
                self._silent[name] += 1
            if self._silent[name] >= MOST_SILENT:
                return f"the cluster's {name} at {host}:{port} does not answer"
        self._next = time.monotonic() + ASK_EVERY_SECONDS
        return ""


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
