"""Lost workers: what is known of a worker that died during a training, and whose fault it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

MOST_LOST_WORKERS = 3
"""An architecture fails after it has cost so many workers."""

NODES_TO_BLAME = 2
"""These workers were on so many nodes, where there are as many: one node may be broken."""


class LostWorker(NamedTuple):
    """One worker that was lost while it trained an architecture."""

    node: str  # Ray's id of its node; empty if the worker had none yet
    cause: str  # in one line
    seconds: float  # of training that were lost with it
    counts: bool = True  # against the architecture; a fault of the machine does not

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as a row of the ledger has it."""
        return self._asdict()


def is_to_blame(lost: Sequence[LostWorker], nodes: int) -> bool:
    """Return whether an architecture fails for the workers that it has cost.

    Args:
        lost: those lost on it, by earlier drivers too.
        nodes: number of nodes that can hold a training now.
    """
    counted = [worker for worker in lost if worker.counts]
    enough = len(counted) >= MOST_LOST_WORKERS
    return enough and len({worker.node for worker in counted}) >= min(nodes, NODES_TO_BLAME)


def nodes_to_avoid(lost: Sequence[LostWorker]) -> tuple[str, ...]:
    """Return the node on which all but one of the allowed workers were lost, to try another."""
    counted = [worker for worker in lost if worker.counts]
    nodes = {worker.node for worker in counted}
    is_due = len(counted) >= MOST_LOST_WORKERS - 1 and len(nodes) < NODES_TO_BLAME
    return tuple(sorted(nodes - {""})) if is_due else ()


def account_of(lost: Sequence[LostWorker]) -> str:
    """Return the error of an architecture that is to blame, ending with the last cause."""
    counted = [worker for worker in lost if worker.counts]
    nodes = len({worker.node for worker in counted})
    on = "one node" if nodes == 1 else f"{nodes} nodes"
    return f"{len(counted)} workers were lost on it, on {on}; the last one died: {lost[-1].cause}"
