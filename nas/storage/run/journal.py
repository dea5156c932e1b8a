"""A journal of finished work, from which an interrupted command continues."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nas.config.files import differences
from nas.errors import RunError
from nas.storage.run.lock import held
from search_space.json_reading import parse_json
from search_space.yaml_validation import ConfigError, validate


class Journal:
    """A file of JSON objects, one a line; the first has the configuration and the command.

    Attributes:
        command: the command that began the journal.
        rows: the other lines, in the order in which they were added.
    """

    def __init__(self, path: Path, command: str, rows: Sequence[dict[str, Any]]) -> None:
        self.path = path
        self.command = command
        self.rows = list(rows)

    def add(self, row: dict[str, Any]) -> None:
        """Write a row at once.

        Raises:
            RunError: the disk is full or not writable.
        """
        append_line(self.path, row)
        self.rows.append(row)


@contextmanager
def open_journal(
    path: Path, configuration: BaseModel, command: str, *, may_differ: Sequence[str] = ()
) -> Iterator[Journal]:
    """Open or begin the journal at ``path``, and hold it for this process while the block runs.

    A last line without a line break, which a killed process leaves, is dropped.

    Args:
        path: of the file.
        configuration: of the work; all rows are of this one.
        command: is written into the first line of a new journal.
        may_differ: the configuration may have changed in keys that begin with one of these.

    Raises:
        RunError: the journal is of another configuration, is no journal, is held by another
            process, or cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot use {path}: {error.strerror or error}") from error
    in_use = RunError(f"{path} is being written by another process")
    with held(path.with_name(f"{path.name}.lock"), in_use=in_use):
        lines = [_row(path, *numbered) for numbered in enumerate(whole_lines(path), start=1)]
        if not lines:
            lines = [{"command": command, "configuration": configuration.model_dump(mode="json")}]
            append_line(path, lines[0])
        _check_same(path, lines[0], configuration, tuple(may_differ))
        yield Journal(path, lines[0]["command"], lines[1:])


def whole_lines(path: Path) -> list[bytes]:
    """Return a file's lines, none if it is missing; remove an incomplete last line from the file.

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
    """Append a JSON object to a file as a line.

    Raises:
        RunError: the file cannot be written.
    """
    before = path.stat().st_size if path.exists() else 0
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        if path.exists():
            os.truncate(path, before)  # no part of a line stays
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
        raise RunError(f"{path} line 1: must have a command and a configuration: no journal")
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
