"""The sockets on which a local Ray listens, and what it answers to those without its token."""

from __future__ import annotations

import secrets
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec

import psutil
import pytest
import ray
from ray._private.ray_constants import KV_NAMESPACE_CLUSTER
from ray._raylet import AuthenticationTokenLoader, GcsClient
from ray.exceptions import AuthenticationError

from nas.config.sections import RaySettings
from nas.ray.cluster.authentication import MODE, ray_environment
from nas.ray.cluster.connection import connected

pytestmark = pytest.mark.ray

ANYWHERE = {"::", "0.0.0.0"}

BOUND_TO_ALL = {
    "driver",
    "gcs_server",
    "raylet",
    "ray::DashboardAgent",  # with `ray[default]`
    "ray::IDLE",
    "ray::worker",
}
"""The processes whose ports cannot be bound to one address, as docs/failures.md lists them."""

AGENTS = {"ray::RuntimeEnvAgent"} | ({"ray::DashboardAgent"} if find_spec("aiohttp") else set())
"""The processes that serve HTTP, on the node's address (and the machine's own): the second one
with `ray[default]` alone."""


@pytest.fixture(scope="module")
def _local_ray() -> Iterator[None]:
    with connected(RaySettings()):
        ray.get([_nothing.remote() for _ in range(2)])
        end = time.monotonic() + 60
        while {name for name, _, _ in _serving_http()} < AGENTS and time.monotonic() < end:
            time.sleep(0.1)  # they open their ports some time after Ray's start
        yield


@ray.remote
def _nothing() -> None:
    pass


def _listening() -> list[tuple[str, str, int]]:
    """Return process, address and port of every listening socket of this Ray."""
    own = psutil.Process()
    sockets = []
    for process in [own, *own.children(recursive=True)]:
        name = "driver" if process == own else _name_of(process)
        for connection in process.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN:
                sockets.append((name, connection.laddr.ip, connection.laddr.port))
    return sockets


def _serving_http() -> list[tuple[str, str, int]]:
    """Return process, address and port of every socket on which an agent serves HTTP."""
    return [socket for socket in _listening() if socket[1] not in ANYWHERE]


def _name_of(process: psutil.Process) -> str:
    """Return a process's name; agents and workers take theirs some time after their start."""
    programs = {"/dashboard/agent.py": "ray::DashboardAgent", "/default_worker.py": "ray::worker"}
    words = process.cmdline()
    for ending, name in programs.items():
        if any(word.endswith(ending) for word in words):
            return name
    return process.name()


@pytest.mark.usefixtures("_local_ray")
def test_the_documents_name_every_socket_that_is_open_to_the_network() -> None:
    open_to_all = {name for name, ip, _ in _listening() if ip in ANYWHERE}
    assert {"gcs_server", "raylet"} <= open_to_all <= BOUND_TO_ALL
    serving = {name for name, _, _ in _serving_http()}
    assert {"ray::RuntimeEnvAgent"} <= serving <= AGENTS  # the other port may be another Ray's


@pytest.mark.usefixtures("_local_ray")
def test_nobody_without_the_token_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    address = ray.get_runtime_context().gcs_address
    assert _keys(address)  # this process has it
    loader = AuthenticationTokenLoader.instance()
    with monkeypatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        loader.reset_cache()
        with pytest.raises(AuthenticationError):
            _keys(address)
    with ray_environment({MODE: "disabled"}), pytest.raises(AuthenticationError):
        _keys(address)
    loader.reset_cache()
    assert _keys(address)
    for _, ip, port in _serving_http():
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://{ip}:{port}/", timeout=5)
        assert refused.value.code in (401, 403)


@pytest.mark.usefixtures("_local_ray")
def test_no_port_answers_to_plain_requests_of_the_web() -> None:
    """A page in a browser cannot reach Ray: its ports speak another protocol, or refuse."""
    for name, ip, port in _listening():
        host = "127.0.0.1" if ip in ANYWHERE else ip
        with socket.create_connection((host, port), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.settimeout(5)
            answer = connection.recv(200)
        assert not answer.startswith(b"HTTP/1.1 2"), (name, answer)


def _keys(address: str) -> list[bytes]:
    client = GcsClient(address=address)
    return list(client.internal_kv_keys(b"", namespace=KV_NAMESPACE_CLUSTER, timeout=5))
