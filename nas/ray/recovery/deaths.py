"""Deaths of workers: what Ray says of one, in one line, and which workers it ended for memory."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)

from trainers import LoaderLost, RankLost
from trainers.errors import FAULTS_OF_MACHINES

MOST_CHARACTERS = 200
"""Ray's explanations go on for a page; their beginning says it."""

_SELECTED = re.compile(r"^Selected to kill: \(Actor\((\w+)\)", re.MULTILINE)
_DETAIL = re.compile(r"Worker exit type: (\w+) Worker exit detail: (.*)", re.DOTALL)


def cause_of(error: BaseException) -> str:
    """Return in one line why a worker was lost, from the exception that Ray raised for it."""
    if isinstance(error, OutOfMemoryError):
        return f"out of memory: {_first_line(str(error))}"
    if isinstance(error, RayTaskError):  # the worker raised: the traceback's last line says it
        return _first_line(str(error).strip().splitlines()[-1])
    text = str(error)
    if (detail := _DETAIL.search(text)) is not None:
        kind, explanation = detail.groups()
        if kind == "SYSTEM_ERROR":  # its explanation lists what might have been
            return "its process died"
        return f"its process died ({kind}): {_first_line(explanation)}"
    if isinstance(error, NodeDiedError) or is_of_node(error):
        return f"its node was lost: {_first_line(text.strip().splitlines()[-1])}"
    return _first_line(text.strip().splitlines()[-1] if text.strip() else type(error).__name__)


def is_of_node(error: BaseException) -> bool:
    """Return whether a worker died with its node."""
    text = str(error)
    return isinstance(error, NodeDiedError) or (
        isinstance(error, RayActorError) and ("node has died" in text or "node died" in text)
    )


def machine_fault(error: BaseException) -> bool:
    """Return whether a worker raised ``error`` for a fault of its machine, such as a full disk."""
    return isinstance(error, MemoryError | RayError | LoaderLost | RankLost) or (
        isinstance(error, OSError) and error.errno in FAULTS_OF_MACHINES
    )


def is_fault_of_machine(error: BaseException) -> bool:
    """Return whether a worker was lost by raising for a fault of its machine."""
    return isinstance(error, RayTaskError) and machine_fault(error.cause)


def memory_error(error: BaseException | None) -> OutOfMemoryError | None:
    """Return Ray's out-of-memory error if ``error`` is one, or was raised for one."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, OutOfMemoryError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def ended_for_memory(error: OutOfMemoryError, actor_ids: Collection[str]) -> set[str]:
    """Return those of some actors that Ray ended since their node was short of memory."""
    return set(_SELECTED.findall(str(error))).intersection(actor_ids)


def actor_id_of(actor: Any) -> str:
    """Return an actor's id, as Ray's messages have it."""
    return str(actor._actor_id.hex())


def node_of(actor_id: str) -> str:
    """Return the id of the node of an actor, dead or alive; empty if Ray does not know it."""
    # Ray's public way to ask for it needs the dashboard, which a local Ray does not start.
    from ray._private.state import actors  # noqa: PLC0415

    try:
        known = actors(actor_id)
    except RayError:
        return ""
    return str(known.get("Address", {}).get("NodeID", ""))


def kill(actor: Any) -> None:
    """End an actor's process at once, if it lives."""
    with suppress(RayError):  # it is dead, or its cluster is
        ray.kill(actor, no_restart=True)


def _first_line(text: str) -> str:
    """Return the first line of a text, shortened."""
    line = " ".join(text.split("\n", 1)[0].split())
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 3] + "..."
