"""Watch Ray's head and this machine's node of it: Ray itself says after a minute that one is gone.

Ray's library then ends the driver's process without a word, so it must be noticed before.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import psutil
import ray

from nas.ray.cluster.guard import is_dead

log = logging.getLogger(__name__)

RAYS_PROCESSES = {"gcs_server": "head", "raylet": "node manager"}
"""The processes of a local Ray without which it does nothing, as Ray's documentation calls them."""

LOOK_EVERY_SECONDS = 1.0
CONNECT_SECONDS = 2.0
MOST_SILENT = 4
"""A head that refuses so many connections in a row is lost."""

STUCK_SECONDS = 10.0
"""A main thread that has not given up a lost cluster for so long waits in Ray's library."""


class Health(Protocol):
    """The health of a cluster, as it is seen without Ray's library."""

    def lost(self) -> str:
        """Return what is lost; empty if nothing is."""


class LocalHealth:
    """The health of a local Ray that is about to start; its processes are children of this one."""

    def __init__(self) -> None:
        self._before = set(psutil.Process().children())  # an earlier Ray's may still be ending
        self._processes: dict[psutil.Process, str] = {}

    def lost(self) -> str:
        """See :class:`Health`."""
        if len(self._processes) < len(RAYS_PROCESSES):
            self._note_started()
        for process, name in self._processes.items():
            if is_dead(process):
                return f"the {RAYS_PROCESSES[name]} of the local Ray ({name}) has died"
        return ""

    def _note_started(self) -> None:
        for child in set(psutil.Process().children()) - self._before - self._processes.keys():
            with suppress(psutil.NoSuchProcess):
                if (name := child.name()) in RAYS_PROCESSES:
                    self._processes[child] = name


class RemoteHealth:
    """The health of a cluster's head, and of this machine's node, by their ports.

    Args:
        head: its address, ``host:port``.
    """

    def __init__(self, head: str) -> None:
        self._places = {"head": _address(head)}
        self._silent = {"head": 0}

    def add_own_node(self) -> None:
        """Watch this machine's node of the connected cluster too."""
        own = ray.get_runtime_context().get_node_id()
        for node in ray.nodes():
            if node["NodeID"] == own:
                name, port = "node on this machine", int(node["NodeManagerPort"])
                self._silent[name] = 0
                self._places = {**self._places, name: (node["NodeManagerAddress"], port)}

    def lost(self) -> str:
        """See :class:`Health`."""
        for name, (host, port) in self._places.items():
            try:
                socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
                self._silent[name] = 0
            except OSError:
                self._silent[name] += 1
            if self._silent[name] >= MOST_SILENT:
                return f"the cluster's {name} at {host}:{port} does not answer"
        return ""


class HeadWatch:
    """A thread that watches a cluster's health.

    Args:
        health: of the cluster.
        on_stuck: called, with what is lost, if the main thread does not give up the cluster.
    """

    def __init__(self, health: Health, on_stuck: Callable[[str], None]) -> None:
        self._health = health
        self._on_stuck = on_stuck
        self._lost = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="head-watch", daemon=True)
        self._thread.start()

    def lost(self) -> str:
        """Return what is lost; empty if nothing is."""
        return self._lost

    def close(self) -> None:
        """End the thread: the cluster is given up."""
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_EVERY_SECONDS):
            self._lost = self._health.lost()
            if self._lost:
                log.warning("%s", self._lost)
                if not self._closed.wait(STUCK_SECONDS):
                    self._on_stuck(self._lost)
                return


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
