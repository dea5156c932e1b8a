"""Ray's token authentication: this machine's token, and the mode of a connection.

Ray reads the mode from ``RAY_AUTH_MODE``, and the token from ``RAY_AUTH_TOKEN``, from the file that
``RAY_AUTH_TOKEN_PATH`` names, or from ``~/.ray/auth_token``, in this order
(https://docs.ray.io/en/latest/ray-security/token-auth.html).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]
from ray.exceptions import AuthenticationError

from nas.errors import ClusterError

Mode = Literal["token", "disabled"]

MODE = "RAY_AUTH_MODE"
TOKEN = "RAY_AUTH_TOKEN"
TOKEN_PATH = "RAY_AUTH_TOKEN_PATH"

WITHOUT_METRICS = {
    "RAY_enable_metrics_collection": "0",
    "AUTOSCALER_METRIC_PORT": "-1",
    "DASHBOARD_METRIC_PORT": "-1",
}
"""Where `ray[default]` is installed, Ray would show its metrics to all, without the token.

Two of its servers have no switch but do without a port that cannot be had.
"""
TOKEN_BYTES = 32


def chosen_mode() -> Mode | None:
    """Return the mode that the user set in the environment; None if there is none.

    Raises:
        ClusterError: it is neither ``token`` nor ``disabled``.
    """
    mode = os.environ.get(MODE)
    if mode is None:
        return None
    if mode.lower() == "token":
        return "token"
    if mode.lower() == "disabled":
        return "disabled"
    raise ClusterError(f"{MODE} must be token or disabled, got {mode!r}")


def has_token() -> bool:
    """Whether this machine has a token to send.

    Raises:
        ClusterError: ``RAY_AUTH_TOKEN_PATH`` names a file that cannot be read or is empty.
    """
    loader = AuthenticationTokenLoader.instance()
    loader.reset_cache()
    try:
        has_one: bool = loader.has_token(ignore_auth_mode=True)
    except AuthenticationError:
        raise ClusterError(
            f"{TOKEN_PATH}={os.environ[TOKEN_PATH]} cannot be read or is empty: write Ray's token "
            "to it (ray get-auth-token prints a node's), or unset it"
        ) from None
    return has_one


def token_place() -> str:
    """Return where Ray reads this machine's token, for a message."""
    if os.environ.get(TOKEN):
        return f"the environment variable {TOKEN}"
    return os.environ.get(TOKEN_PATH) or str(default_token_file())


def default_token_file() -> Path:
    """Return Ray's default file for the token."""
    return Path.home() / ".ray" / "auth_token"


def ensure_token() -> None:
    """Make a token if there is none, readable by its owner alone.

    Ray's own would be readable by every user of the machine. Also, if two commands started at the
    same time, one would overwrite the other's token, which its Ray uses already.

    Raises:
        ClusterError: it cannot be written, or see :func:`has_token`.
    """
    if has_token():
        return
    file = default_token_file()
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file() and not file.read_text().strip():
            file.unlink()
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(TOKEN_BYTES))
        with suppress(FileExistsError):  # another command was faster: its token serves both
            os.link(draft, file)
    except OSError as error:
        raise ClusterError(
            f"the token that protects a local Ray cannot be written to {file}: {error.strerror} "
            f"(set {TOKEN} to a secret of your own)"
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def ray_environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that configure Ray, while the block runs.

    Ray's processes inherit them. This process has read them when it imported Ray, and reads them
    again here.
    """
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    Config.initialize("")
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        Config.initialize("")
