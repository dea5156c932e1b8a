"""The first word with a cluster's head over HTTP: whether it answers, and how it authenticates."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]

from nas.errors import ClusterError
from nas.ray.cluster.authentication import (
    MODE,
    TOKEN,
    Mode,
    chosen_mode,
    default_token_file,
    has_token,
    token_place,
)

EXTRA_MISSING = (
    "Ray's Jobs API needs the extra 'cluster': pip install 'convattn[cluster]', or "
    "pip install 'ray[default]' of the installed Ray's version"
)

ANSWER_SECONDS = 10.0

UNAUTHORIZED, FORBIDDEN, OK = 401, 403, 200


def check_address(address: str) -> str:
    """Return the head's address without a slash at its end.

    Raises:
        ClusterError: it is no ``http://host:port``, or holds a password.
    """
    if "@" in address:
        raise ClusterError("--address holds no user or password: a token authenticates, see --help")
    try:
        parts = urlsplit(address)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_bare = not (parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:  # brackets without an address, a port that is no number or out of range
        named = is_bare = False
    if not (named and is_bare):
        raise ClusterError(
            "--address must be that of the head's dashboard, such as http://head:8265, got "
            f"{address!r}"
        )
    return address.rstrip("/")


def greet_head(address: str, *, allow_open: bool) -> Mode:
    """Check that a cluster's head answers over HTTP, and accepts this machine's token.

    The token is sent only to a head that demands one.

    Args:
        address: ``http://host:port`` of its dashboard.
        allow_open: the option ``--allow-open``.

    Returns:
        the mode of authentication for requests.

    Raises:
        ClusterError: with the reason, and what to do.
    """
    wanted = chosen_mode()
    status = _ask(address, None)
    if status == OK:
        if not allow_open:
            raise ClusterError(
                f"the cluster at {address} runs without authentication, so that whoever reaches it "
                f"may run code on it: start each of its nodes with {MODE}=token, or use it as it "
                "is with --allow-open"
            )
        return "disabled"
    if wanted == "disabled":
        raise ClusterError(
            f"authentication failed: the cluster at {address} demands a token, but {MODE}=disabled "
            "is set here: unset it"
        )
    if not has_token():
        raise ClusterError(
            f"authentication failed: the cluster at {address} demands a token, and there is none "
            f"here: copy the file ~/.ray/auth_token of the cluster's head to "
            f"{default_token_file()}, readable by you alone, or set {TOKEN} to its content"
        )
    if _ask(address, _token_header()) != OK:
        raise ClusterError(
            f"authentication failed: the cluster at {address} refuses the token in "
            f"{token_place()}: put the token of the cluster's head there (on the head, "
            "ray get-auth-token prints it)"
        )
    return "token"


def _token_header() -> dict[str, str]:
    """Return the header that carries this machine's token."""
    header: dict[str, str] = AuthenticationTokenLoader.instance().get_token_for_http_header(
        ignore_auth_mode=True
    )
    return header


def _ask(address: str, headers: dict[str, str] | None) -> int:
    """Return the status of the answer to a request for the head's version.

    Raises:
        ClusterError: it does not answer as Ray's dashboard does.
    """
    try:
        import requests  # noqa: PLC0415
    except ImportError as error:
        raise ClusterError(EXTRA_MISSING) from error
    try:
        # without a redirect, which would carry the token elsewhere
        answer = requests.get(
            f"{address}/api/version",
            headers=headers,
            timeout=ANSWER_SECONDS,
            allow_redirects=False,
        )
    except (requests.RequestException, ValueError) as error:
        raise ClusterError(
            f"no Ray head answers at --address={address}: {_reason(error)} (is its dashboard "
            "running, and is this its port? It is 8265 unless ray start got --dashboard-port)"
        ) from error
    is_ray = answer.status_code in (UNAUTHORIZED, FORBIDDEN) or (
        answer.status_code == OK and "ray_version" in _json_object(answer)
    )
    if not is_ray:
        raise ClusterError(
            f"no Ray head answers at --address={address}: something listens there, but it does not "
            f"answer as Ray's dashboard does (HTTP status {answer.status_code})"
        )
    return int(answer.status_code)


def _json_object(answer: Any) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _reason(error: Exception) -> str:
    """Return the system's reason at the bottom of an error of requests and urllib3."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        inner = next((arg for arg in cause.args if isinstance(arg, BaseException)), None)
        cause = getattr(cause, "reason", None) or inner or cause.__cause__
        cause = cause if isinstance(cause, BaseException) else None
    return type(error).__name__
