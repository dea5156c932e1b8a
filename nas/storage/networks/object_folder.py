"""Folders at a URL, such as ``s3://bucket/folder``, by Arrow's file systems.

A file there appears whole or not at all. Credentials come from where the store's own tools take
them; none is in a URL, a file or a message of this project.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from nas.config.networks_url import CREDENTIALS
from nas.errors import RunError
from trainers import CheckpointError

OBJECT_STORES = ("s3", "gcs", "abfs")
"""Arrow's names of stores without folders, where an upload appears when it is complete."""

SHOWN_CHARACTERS = 300
"""The most characters of a store's error that are shown."""


class ObjectFolder:
    """A folder at a URL.

    Args:
        url: of the folder, as :func:`nas.config.networks_url.check_networks_url` has checked it.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def folder(self, name: str) -> ObjectFolder:
        """Return a folder in this one."""
        return ObjectFolder(self.place(name))

    def place(self, name: str) -> str:
        """Return the URL of a file in the folder."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}"))

    def read(self, name: str) -> bytes | None:
        """Return a file's content; None if there is none.

        Raises:
            CheckpointError: it cannot be read.
        """
        try:
            system, path = _opened(self.url)
            with system.open_input_stream(f"{path}/{name}") as stream:
                content: bytes = stream.read()
            return content
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise CheckpointError(f"cannot read {self.place(name)}: {_reason(error)}") from error

    def write(self, name: str, content: bytes) -> None:
        """Give a file new content.

        Raises:
            CheckpointError: it cannot be written; an earlier one stays.
        """
        try:
            system, path = _opened(self.url)
            target = f"{path}/{name}"
            if system.type_name in OBJECT_STORES:
                _write(system, target, content)
                return
            system.create_dir(str(PurePosixPath(target).parent), recursive=True)
            begun = f"{path}/.{secrets.token_hex(8)}.tmp"
            _write(system, begun, content)
            system.move(begun, target)
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"cannot write {self.place(name)} ({len(content)} bytes): {_reason(error)}; an "
                "earlier one there is kept"
            ) from error

    def remove(self, name: str) -> None:
        """Remove a file, if there is one.

        Raises:
            CheckpointError: it cannot be removed.
        """
        try:
            system, path = _opened(self.url)
            system.delete_file(f"{path}/{name}")
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise CheckpointError(f"cannot remove {self.place(name)}: {_reason(error)}") from error

    def check(self) -> None:
        """Write, read and remove a small file.

        Raises:
            RunError: one of them fails; the message says why.
        """
        probe = f".check-{secrets.token_hex(8)}"
        try:
            self.write(probe, b"convattn")
            content = self.read(probe)
            self.remove(probe)
        except CheckpointError as error:
            reason = error.__cause__ or error
            assert isinstance(reason, Exception)
            raise RunError(
                f"networks_url={self.url} cannot be used: {_reason(reason)} ({CREDENTIALS})"
            ) from error
        if content != b"convattn":
            raise RunError(f"networks_url={self.url} does not return what was written to it")


def read_object(url: str) -> bytes:
    """Return the content of a file at a URL.

    Raises:
        CheckpointError: it is missing, or cannot be read.
    """
    parts = urlsplit(url)
    folder, _, name = parts.path.rpartition("/")
    content = ObjectFolder(urlunsplit(parts._replace(path=folder))).read(unquote(name))
    if content is None:
        raise CheckpointError(f"there is no file {url}")
    return content


def _write(system: Any, path: str, content: bytes) -> None:
    with system.open_output_stream(path) as stream:
        stream.write(content)


@lru_cache(maxsize=64)
def _opened(url: str) -> tuple[Any, str]:
    """Return Arrow's file system of a URL, and the path of the URL in it."""
    from pyarrow.fs import FileSystem  # noqa: PLC0415 (slow)

    system, path = FileSystem.from_uri(url)
    return system, path.rstrip("/")


def _reason(error: Exception) -> str:
    """Return why a store refused, in one line."""
    reason = " ".join(str(error).split())
    return reason if len(reason) <= SHOWN_CHARACTERS else f"{reason[:SHOWN_CHARACTERS]}..."
