"""Faults of the storage: a full disk, a read-only folder, a PostgreSQL server that is away."""

from __future__ import annotations

import time
from contextlib import suppress

from tests.faults.kind import Inject, Kind, NotInjected
from tests.faults.mounts import full, read_only
from tests.faults.postgresql_server import Stop
from tests.faults.scene import CommandEnded, Scene

FULL_SECONDS = 20.0


def _server_stopped(how: Stop) -> Inject:
    def inject(scene: Scene) -> None:
        assert scene.server is not None
        scene.server.stop(how)
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
        scene.command.wait(FULL_SECONDS)


def _start_read_only(scene: Scene) -> None:
    if not scene.is_begun:
        raise NotInjected("the run is not begun")
    with read_only(scene.runs):
        scene.start()
        scene.command.wait(120)


STORAGE_KINDS = (
    Kind("PostgreSQL: stopped (fast), started", "survives", _server_stopped("fast")),
    Kind("PostgreSQL: stopped (immediate), started", "survives", _server_stopped("immediate")),
    Kind("PostgreSQL: SIGKILL, started", "survives", _server_stopped("kill")),
    Kind("disk: full", "may end", _fill_disk),
    Kind("disk: full at the start", "may end", _start_full, begins=True),
    Kind("folder: read-only at the start", "refused", _start_read_only, begins=True),
)
