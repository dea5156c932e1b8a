"""Trust in runs: trusted are those that ``nas search`` made or resumed here, unchanged since.

Reading an untrusted run runs no code, reads no environment variable and contacts no server,
whatever the run's files say. The list of trusted runs is in the user's state folder: the path of
each configuration with its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

from filelock import FileLock

from nas.atomic_write import replace_file
from nas.errors import TrustError
from search_space.json_reading import parse_json

log = logging.getLogger(__name__)

LIST = "trusted_runs.json"


def refusal(place: str, act: str) -> TrustError:
    """Make the error for a file ``place`` that asks for an act that needs trust."""
    return TrustError(
        f"{place}: {act}. That is done only for what you trust: a run that `nas search` made or "
        "resumed here and whose config.yaml is unchanged since, or any with --trust"
    )


def state_file() -> Path:
    """Return the list's file in ``$XDG_STATE_HOME/convattn``, else ``~/.local/state/convattn``."""
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    # The XDG Base Directory Specification says to ignore a relative path.
    state = named if named.is_absolute() else Path.home() / ".local" / "state"
    return state / "convattn" / LIST


def is_listed(config_file: Path) -> bool:
    """Return whether a run's configuration is in the list, with its current content."""
    try:
        return _read(state_file()).get(str(config_file.resolve())) == _digest(config_file)
    except (OSError, RuntimeError) as error:  # no home folder is the latter
        log.warning("no run counts as trusted: %s", error)
        return False


def list_run(config_file: Path) -> None:
    """Trust a run from now on, as long as its configuration does not change.

    If the list cannot be written, a warning is logged: the run itself is complete.
    """
    try:
        file = state_file()
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(file.with_name(f"{LIST}.lock")):
            known = _read(file) | {str(config_file.resolve()): _digest(config_file)}
            there = {path: digest for path, digest in known.items() if Path(path).is_file()}
            replace_file(file, json.dumps(there, indent=2).encode(), mode=0o600)
    except (OSError, RuntimeError) as error:  # no home folder is the latter
        log.warning("%s is not listed as a run to be trusted: %s", config_file.parent, error)


def _digest(config_file: Path) -> str:
    return hashlib.sha256(config_file.read_bytes()).hexdigest()


def _read(file: Path) -> dict[str, str]:
    """Read the list; empty if there is none or, with a warning, if it is damaged."""
    try:
        listed = parse_json(file.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        log.warning("%s is damaged, so that no run in it counts as trusted: %s", file, error)
        return {}
    if not isinstance(listed, dict):
        log.warning("%s is damaged, so that no run in it counts as trusted", file)
        return {}
    return listed
