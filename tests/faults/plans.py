"""The plans: which kinds of faults fall into which search, one plan a seed, in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.driver_kinds import DRIVER_KINDS
from tests.faults.kind import Kind
from tests.faults.ray_kinds import RAY_KINDS
from tests.faults.storage_kinds import STORAGE_KINDS
from tests.faults.trial_kinds import TRIAL_KINDS

KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (*DRIVER_KINDS, *RAY_KINDS, *TRIAL_KINDS, *STORAGE_KINDS)
}

HASTE = {"timeout_minutes": 0.4, "timeout_factor": 10}
"""Settings by which a training of more than 24 seconds is ended, later on a busy machine."""


@dataclass(frozen=True)
class Plan:
    """One search, or one retraining, and the kinds of faults that are injected one after another.

    Args:
        name: in the table of plans.
        kinds: their names, in any order: the seed shuffles them unless ``in_order``.
        variant: of the search, see :mod:`tests.faults.variants`.
        search: further settings of its section ``search``.
        in_order: whether the order of the kinds matters.
        retrains: whether the best network of a finished search is retrained, instead.
        on_server: whether the ledger is on a PostgreSQL server.
        on_cluster: whether three nodes of a cluster train.
        on_small_disk: whether the folder of runs has a small file system of its own.
        watches_memory: whether Ray's memory monitor acts a little above the present use.
    """

    name: str
    kinds: tuple[str, ...]
    variant: str = "plain"
    search: Mapping[str, Any] = field(default_factory=dict)
    in_order: bool = False
    retrains: bool = False
    on_server: bool = False
    on_cluster: bool = False
    on_small_disk: bool = False
    watches_memory: bool = False

    def label(self, kind: str) -> str:
        """Return the name of a kind in the table: those of retrainings count apart."""
        return f"retrain, {kind}" if self.retrains else kind


PLANS = (
    Plan(
        "signals",
        (
            "driver: SIGKILL",
            "driver: SIGTERM",
            "driver: SIGINT",
            "driver: SIGINT twice",
            "driver: SIGINT to the group",
            "driver: SIGHUP",
            "driver: its terminal closed",
        ),
    ),
    Plan(
        "kills of the driver, rung by rung",
        (
            "driver: SIGKILL at a file write",
            "driver: SIGKILL at an SQL statement",
            "driver: SIGKILL at a file write",
            "driver: SIGKILL at an SQL statement",
            "driver: SIGKILL",
        ),
        variant="rung by rung",
        in_order=True,
    ),
    Plan(
        "a server that is away",
        (
            "driver: SIGKILL at an SQL statement",
            "PostgreSQL: stopped (fast), started",
            "PostgreSQL: stopped (immediate), started",
            "worker: SIGKILL",
            "PostgreSQL: SIGKILL, started",
            "PostgreSQL: stopped (immediate), started",
            "driver: SIGHUP",
        ),
        on_server=True,
        in_order=True,
    ),
    Plan(
        "workers",
        (
            "worker: SIGKILL",
            "two drivers",
            "worker: SIGSTOP, SIGCONT",
            "raylet: SIGSTOP, SIGCONT",
            "GCS: SIGSTOP, SIGCONT",
            "trial: exits",
            "trial: crashes (SIGSEGV)",
        ),
    ),
    Plan(
        "workers, rung by rung",
        (
            "worker: SIGKILL",
            "exchange of checkpoints: SIGKILL",
            "worker: SIGSTOP, SIGCONT",
            "trial: exits",
            "trial: crashes (SIGSEGV)",
        ),
        variant="rung by rung",
    ),
    Plan(
        "trials that fail or never end",
        (
            "trial: raises",
            "trial: NaN",
            "trial: hangs",
            "worker: SIGSTOP",
            "trial: exits whenever it is trained",
            "trial: raises",
            "trial: NaN",
        ),
        search=HASTE,
    ),
    Plan(
        "stopping on one worker",
        (
            "worker: SIGKILL",
            "driver: SIGKILL",
            "trial: NaN",
            "trial: raises",
            "driver: SIGTERM",
            "trial: exits",
        ),
        variant="stopping",
    ),
    Plan("Ray's servers die", ("raylet: SIGKILL", "GCS: SIGKILL", "driver: SIGINT")),
    Plan(
        "a cluster",
        ("a node leaves", "worker: SIGKILL", "driver: SIGTERM", "driver: SIGKILL"),
        on_cluster=True,
        on_server=True,
    ),
    Plan(
        "short memory",
        ("a neighbour takes the memory", "trial: too much memory", "a neighbour takes the memory"),
        watches_memory=True,
    ),
    Plan(
        "disks",
        (
            "disk: full",
            "driver: SIGKILL",
            "folder: read-only at the start",
            "disk: full at the start",
            "disk: full",
        ),
        variant="rung by rung",
        on_small_disk=True,
        in_order=True,
    ),
    Plan(
        "retrain",
        (
            "driver: SIGKILL at a file write",
            "driver: SIGTERM",
            "driver: SIGKILL",
            "worker: SIGKILL",
            "driver: SIGINT",
            "driver: SIGHUP",
        ),
        retrains=True,
        in_order=True,
    ),
)


def plan_of(seed: int) -> Plan:
    """Return the plan of a seed: so many seeds in a row as there are plans make each kind once."""
    return PLANS[seed % len(PLANS)]
