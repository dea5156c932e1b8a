"""The folder in which the user's caches lie."""

from __future__ import annotations

import os
from pathlib import Path


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
