"""Which runs are trusted: those that ``nas search`` made or resumed here, unchanged since.

Reading a run that somebody else made must not act: it runs no code, reads no environment variable
and reaches no server, whatever the run's files say. So what a run's own files cannot decide is
kept in the user's state folder: the path of each configuration with its SHA-256.
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
from search_space.yaml_validation import parse_json

log = logging.getLogger(__name__)

LIST = "trusted_runs.json"


def refusal(place: str, act: str) -> TrustError:
    """The error where ``place``, a file, would have something done that needs trust."""
    return TrustError(
        f"{place}: {act}. That is done only for what you trust: a run that `nas search` made or "
        "resumed here and whose config.yaml is unchanged since, or any with --trust"
    )


def state_file() -> Path:
    """Where the list is: in ``$XDG_STATE_HOME/convattn``, else in ``~/.local/state/convattn``."""
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    # by the XDG Base Directory Specification a relative path counts as none
    state = named if named.is_absolute() else Path.home() / ".local" / "state"
    return state / "convattn" / LIST


def is_listed(config_file: Path) -> bool:
    """Whether a run's configuration is in the list with the content that it has now."""
    try:
        return _read(state_file()).get(str(config_file.resolve())) == _digest(config_file)
    except (OSError, RuntimeError) as error:  # no home folder is the latter
        log.warning("no run counts as trusted: %s", error)
        return False


def list_run(config_file: Path) -> None:
    """Trust a run from now on, as long as its configuration stays as it is.

    A list that cannot be written is a warning: the run itself lacks nothing.
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
    """The list; empty where there is none, or, with a warning, where it is damaged."""
    try:
        found = parse_json(file.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        log.warning("%s is damaged, so that no run in it counts as trusted: %s", file, error)
        return {}
    if not isinstance(found, dict):
        log.warning("%s is damaged, so that no run in it counts as trusted", file)
        return {}
    return found
