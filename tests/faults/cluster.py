"""A Ray cluster of three nodes on this machine, of which one leaves and is replaced."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import psutil

from tests.end_to_end.ray_nodes import free_port, ray_node
from tests.faults.processes import MARK, ProcessFamily

FURTHER_NODES = 2


class Cluster:
    """A head of one CPU, and two further nodes of one.

    Args:
        environment: of the nodes' commands.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.environment = {**environment, **own}
        self.address = f"127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        host = "--node-ip-address=127.0.0.1"
        mark = uuid.uuid4().hex
        self._head = ray_node(
            f"ray start --head {host} --port={port}", self.environment | {MARK: mark}
        )
        self._families = [ProcessFamily(mark)]  # of the head, then of the further nodes
        self._nodes: list[AbstractContextManager[None]] = []
        self._head.__enter__()
        try:
            for _ in range(FURTHER_NODES):
                self._add_node()
        except BaseException:
            self.close()
            raise

    def replace_node(self, *titles: str) -> None:
        """Kill every process of a further node at once, and start another in its place.

        Args:
            titles: beginnings of processes' titles; it is a node with one of them, if there is any.
        """
        busy = (n for n, family in enumerate(self._families[1:]) if family.named(*titles))
        number = next(busy, 0)
        self._families.pop(1 + number).kill()
        self._nodes.pop(number).__exit__(None, None, None)
        self._add_node()

    def named(self, *beginnings: str) -> list[psutil.Process]:
        """Return all nodes' processes whose title begins so."""
        return [process for family in self._families for process in family.named(*beginnings)]

    def close(self) -> None:
        """Stop all nodes."""
        while self._nodes:
            self._nodes.pop().__exit__(None, None, None)
        self._head.__exit__(None, None, None)

    def _add_node(self) -> None:
        mark = uuid.uuid4().hex
        self._families.append(ProcessFamily(mark))
        node = ray_node(f"ray start --address={self.address}", self.environment | {MARK: mark})
        node.__enter__()
        self._nodes.append(node)


@contextmanager
def ray_cluster(environment: Mapping[str, str]) -> Iterator[Cluster]:
    """A cluster while the block runs."""
    cluster = Cluster(environment)
    try:
        yield cluster
    finally:
        cluster.close()
