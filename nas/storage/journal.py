"""A journal of finished work: what a long command needs to go on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel

from nas.config.files import differences
from nas.errors import RunError
from nas.storage.folder import LOCK_SECONDS
from search_space.yaml_validation import ConfigError, parse_json, validate


class Journal:
    """One JSON object a line; the first says of what configuration, and by what command.

    Attributes:
        command: the one that began the journal.
        rows: all others, in the order in which they were added.
    """

    def __init__(self, path: Path, command: str, rows: Sequence[dict[str, Any]]) -> None:
        self.path = path
        self.command = command
        self.rows = list(rows)

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row, at once.

        Raises:
            RunError: the disk is full or not writable.
        """
        append_line(self.path, row)
        self.rows.append(row)


@contextmanager
def open_journal(
    path: Path, configuration: BaseModel, command: str, *, may_differ: Sequence[str] = ()
) -> Iterator[Journal]:
    """The journal at ``path``, held for this process as long as the block runs; begun if new.

    A last line without its end, which a kill leaves, is dropped.

    Args:
        path: of the file.
        configuration: of the work; all rows are of one.
        command: kept in the first line of a new journal.
        may_differ: beginnings of the keys in which the configuration may have changed since.

    Raises:
        RunError: it is of another configuration, is no journal, is held by another process, or
            cannot be read or written.
    """
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise RunError(f"{path} is being written by another process") from None
    except OSError as error:
        raise RunError(f"cannot use {path}: {error.strerror or error}") from error
    try:
        lines = [_row(path, *numbered) for numbered in enumerate(whole_lines(path), start=1)]
        if not lines:
            lines = [{"command": command, "configuration": configuration.model_dump(mode="json")}]
            append_line(path, lines[0])
        _check_same(path, lines[0], configuration, tuple(may_differ))
        yield Journal(path, lines[0]["command"], lines[1:])
    finally:
        lock.release()


def whole_lines(path: Path) -> list[bytes]:
    """A file's lines (none if there is no file); a last one that was cut off is removed from it.

    Raises:
        RunError: it cannot be read or cut.
    """
    try:
        if not path.exists():
            return []
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(path, len(whole))
    except OSError as error:
        raise RunError(f"cannot use {path}: {error.strerror or error}") from error
    return whole.splitlines()


def append_line(path: Path, row: Mapping[str, Any]) -> None:
    """Add a JSON object as a line.

    Raises:
        RunError: the file cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error


def _row(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except ValueError as error:  # of its JSON or its UTF-8
        raise RunError(f"{path} line {number}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise RunError(f"{path} line {number}: must be a JSON object, got {row!r}")
    return row


def _check_same(
    path: Path, head: Mapping[str, Any], configuration: BaseModel, may_differ: tuple[str, ...]
) -> None:
    if not {"command", "configuration"} <= head.keys():
        raise RunError(f"{path} line 1: must say the command and configuration: no journal of ours")
    try:
        before = validate(type(configuration), head["configuration"], f"{path} line 1")
    except ConfigError as error:
        raise RunError(str(error)) from error
    changed = {
        key: values
        for key, values in differences(before, configuration).items()
        if not key.startswith(may_differ)
    }
    if changed:
        listed = "; ".join(f"{key} was {old!r}, is {new!r}" for key, (old, new) in changed.items())
        raise RunError(f"{path} is of another configuration: {listed}")
