"""Ask a cluster before connecting to it, to say within seconds why it cannot be used."""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import ray
from ray._common.usage.usage_constants import CLUSTER_METADATA_KEY
from ray._private.ray_constants import KV_NAMESPACE_CLUSTER
from ray._private.services import canonicalize_bootstrap_address
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.exceptions import AuthenticationError, RayError

from nas.errors import ClusterError
from nas.ray.cluster.authentication import (
    MODE,
    Mode,
    chosen_mode,
    has_token,
    ray_environment,
    token_place,
)

CONNECT_SECONDS = 5.0

SHORT_WAITS = {"RAY_gcs_rpc_server_connect_timeout_s": "1", "RAY_py_gcs_connect_timeout_s": "3"}
"""Ray's own waits are 40 s for a head that listens and does not answer."""


class Greeted(NamedTuple):
    """A cluster that this process can connect to."""

    address: str  # host:port
    mode: Mode  # of authentication


def greet(address: str) -> Greeted:
    """Check that a cluster answers, accepts this machine's token and has the same versions.

    The token is sent only to a cluster that demands one.

    Args:
        address: ``host:port``, or ``auto`` for the cluster that this machine is a node of.

    Raises:
        ClusterError: with the reason, and what to do.
    """
    wanted = chosen_mode()
    resolved = _resolved(address)
    place = f"ray.address={address!r}" + (f" ({resolved})" if address == "auto" else "")
    _check_listens(resolved, place)
    metadata = _ask(resolved, place, "disabled")
    if metadata is not None:
        if wanted == "token":
            raise ClusterError(
                f"the cluster at {place} runs without authentication, but {MODE}=token is set "
                f"here: start each of its nodes with {MODE}=token, or unset it here"
            )
        _check_versions(metadata, place)
        return Greeted(resolved, "disabled")
    if wanted == "disabled":
        raise ClusterError(
            f"authentication failed: the cluster at {place} demands a token, but {MODE}=disabled "
            "is set here: unset it"
        )
    if not has_token():
        raise ClusterError(
            f"authentication failed: the cluster at {place} demands a token, and there is none "
            f"here: copy the file ~/.ray/auth_token of the cluster's head to {token_place()}"
        )
    metadata = _ask(resolved, place, "token")
    if metadata is None:
        raise ClusterError(
            f"authentication failed: the cluster at {place} refuses the token in {token_place()}: "
            "put the token of the cluster's head there (on the head, ray get-auth-token prints it)"
        )
    _check_versions(metadata, place)
    return Greeted(resolved, "token")


def _resolved(address: str) -> str:
    """Return the address as Ray takes it, ``host:port``."""
    try:
        resolved = canonicalize_bootstrap_address(address)
    except ConnectionError as error:
        raise ClusterError(
            f"no Ray cluster answers at ray.address={address!r}: none runs on this machine (start "
            f"a node with {MODE}=token ray start, or name the head as host:port)"
        ) from error
    except ValueError as error:
        raise ClusterError(f"ray.address must be auto or host:port, got {address!r}") from error
    assert resolved is not None  # None stands for a local Ray alone
    return str(resolved)


def _check_listens(address: str, place: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ClusterError(
            f"no Ray cluster answers at {place}: {reason} (is its head running, and is this its "
            "port?)"
        ) from error


def _ask(address: str, place: str, mode: Mode) -> dict[str, Any] | None:
    """Return a cluster's metadata; None if it demands another token.

    Raises:
        ClusterError: it does not answer as Ray does.
    """
    try:
        with ray_environment({MODE: mode, **SHORT_WAITS}), _silent_stderr():
            answer = GcsClient(address=address).internal_kv_get(
                CLUSTER_METADATA_KEY, namespace=KV_NAMESPACE_CLUSTER, timeout=CONNECT_SECONDS
            )
    except AuthenticationError:
        return None
    except (RayError, RuntimeError) as error:
        raise ClusterError(
            f"no Ray cluster answers at {place}: something listens there, but it does not answer "
            f"as Ray {ray.__version__} does ({str(error).splitlines()[0].rstrip('.')})"
        ) from error
    return dict(json.loads(answer)) if answer else {}


def _check_versions(metadata: dict[str, Any], place: str) -> None:
    """Check that the cluster has this process's versions of Ray and Python, as Ray demands."""
    theirs = metadata.get("ray_version"), metadata.get("python_version")
    ours = ray.__version__, platform.python_version()
    if metadata and theirs != ours:
        raise ClusterError(
            f"the cluster at {place} runs Ray {theirs[0]} on Python {theirs[1]}, and this command "
            f"Ray {ours[0]} on Python {ours[1]}: they must be equal, on every node"
        )


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discard what Ray's C++ code logs about a refused request; the error says it."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
