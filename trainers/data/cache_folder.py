"""The folder in which the user's caches lie, and what is made once and kept there."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

log = logging.getLogger(__name__)

Made = TypeVar("Made")


def cache_folder() -> Path:
    """Make and return ``$XDG_CACHE_HOME/convattn``, or ``~/.cache/convattn`` without the variable.

    Raises:
        OSError: it cannot be made, or there is no home.
    """
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "convattn"
    except RuntimeError as error:  # there is no home
        raise OSError(str(error)) from error
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def made_once(
    folder: str,
    name: str,
    *,
    read: Callable[[Path], Made | None],
    make: Callable[[], Made],
    write: Callable[[Path, Made], None],
    unread: str,
    unkept: str,
) -> Made:
    """Return what a file of the caches holds, or make it and keep it there.

    A cache that cannot be used costs time and nothing else, so that it is only a warning.

    Args:
        folder: of this kind of file, within the caches' folder; it is made.
        name: of the file.
        read: reads it; None if there is none, or it is damaged or of something else.
        make: makes what the file should hold.
        write: writes it whole.
        unread: says in the log that the file cannot be read or kept; why follows.
        unkept: says in the log that it cannot be written; why follows.
    """
    path = None
    try:
        own = cache_folder() / folder
        own.mkdir(exist_ok=True)
        path = own / name
        kept = read(path)
        if kept is not None:
            return kept
    except OSError as error:
        log.warning("%s: %s", unread, error)
    made = make()
    if path is not None:
        try:
            write(path, made)
        except OSError as error:
            log.warning("%s: %s", unkept, error)
    return made
