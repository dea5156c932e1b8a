"""Faults of the storage: a full disk, a read-only folder, a PostgreSQL server that is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from tests.faults.kind import Inject, Kind, NotInjected
from tests.faults.mounts import full, read_only
from tests.faults.scene import CommandEnded, Scene
from tests.postgresql_server import PostgreSQLServer

FULL_SECONDS, START_SECONDS = 20.0, 120.0


def _stop_immediately(server: PostgreSQLServer) -> None:
    server.stop(immediate=True)


def _away(stop: Callable[[PostgreSQLServer], None]) -> Inject:
    def inject(scene: Scene) -> None:
        assert scene.server is not None
        stop(scene.server)
        time.sleep(scene.rng.uniform(0.5, 6.0))
        scene.server.start()

    return inject


def _fill_disk(scene: Scene) -> None:
    with full(scene.runs), suppress(CommandEnded):
        scene.pause(FULL_SECONDS)


def _start_full(scene: Scene) -> None:
    if not scene.is_begun:
        raise NotInjected("the run is not begun")
    with full(scene.runs):
        scene.start()
        scene.command.wait(START_SECONDS)


def _start_read_only(scene: Scene) -> None:
    if not scene.is_begun:
        raise NotInjected("the run is not begun")
    with read_only(scene.runs):
        scene.start()
        scene.command.wait(START_SECONDS)


STORAGE_KINDS = (
    Kind("PostgreSQL: stopped (fast), started", "survives", _away(PostgreSQLServer.stop)),
    Kind("PostgreSQL: stopped (immediate), started", "survives", _away(_stop_immediately)),
    Kind("PostgreSQL: SIGKILL, started", "survives", _away(PostgreSQLServer.kill)),
    Kind("disk: full", "may end", _fill_disk),
    Kind("disk: full at the start", "may end", _start_full, begins=True),
    Kind("folder: read-only at the start", "refused", _start_read_only, begins=True),
)
