"""Faults of Ray's processes and of the machine's memory."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import psutil

from tests.end_to_end.tiny_search import ROOT
from tests.faults.kind import Inject, Kind, NotInjected
from tests.faults.ledger_rows import lost_workers
from tests.faults.processes import WORKER_TITLES
from tests.faults.scene import Scene

RAYLET, GCS, EXCHANGE = "raylet", "gcs_server", "ray::FileExchange"

HEADROOM_BYTES = 4e9
"""The search's own need is about half of it; a network on order, or a neighbour, takes the rest."""

NEIGHBOUR_SECONDS = 8.0


def memory_monitor() -> dict[str, str]:
    """Return the settings of Ray's memory monitor for a search that begins now."""
    memory = psutil.virtual_memory()
    threshold = memory.percent + 100 * HEADROOM_BYTES / memory.total
    return {
        "RAY_memory_monitor_refresh_ms": "100",
        "RAY_memory_usage_threshold": f"{threshold / 100:.3f}",
    }


def _killed(*titles: str) -> Inject:
    def inject(scene: Scene) -> None:
        with suppress(psutil.NoSuchProcess):
            scene.process(*titles).kill()

    return inject


def _stopped(*titles: str, seconds: float) -> Inject:
    """Stop a process for some seconds."""

    def inject(scene: Scene) -> None:
        process = scene.process(*titles)
        process.suspend()
        try:
            scene.pause(seconds)
        finally:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    return inject


def _stop_worker_for_good(scene: Scene) -> None:
    """Stop a worker; the search must end its training for taking too long."""
    lost = lost_workers(scene.rows())
    scene.process(*WORKER_TITLES).suspend()
    scene.wait_until(
        lambda: lost_workers(scene.rows()) > lost, "no row names the stopped worker as lost"
    )


def _take_memory(scene: Scene) -> None:
    threshold = 100 * float(scene.environment["RAY_memory_usage_threshold"])
    neighbour = [sys.executable, "-m", "tests.faults.neighbour"]
    numbers = [f"{threshold + 1.5:.2f}", f"{NEIGHBOUR_SECONDS}"]
    done = subprocess.run([*neighbour, *numbers], cwd=ROOT, check=False)
    if done.returncode:
        raise NotInjected("the neighbour came to its own bound before the monitor's threshold")


def _lose_node(scene: Scene) -> None:
    assert scene.cluster is not None
    scene.cluster.replace_node(*WORKER_TITLES)


RAY_KINDS = (
    Kind("worker: SIGKILL", "survives", _killed(*WORKER_TITLES)),
    Kind("worker: SIGSTOP", "survives", _stop_worker_for_good, late=True),
    Kind("worker: SIGSTOP, SIGCONT", "survives", _stopped(*WORKER_TITLES, seconds=4)),
    Kind("raylet: SIGKILL", "may end", _killed(RAYLET)),
    Kind("raylet: SIGSTOP, SIGCONT", "survives", _stopped(RAYLET, seconds=4)),
    Kind("GCS: SIGKILL", "may end", _killed(GCS)),
    Kind("GCS: SIGSTOP, SIGCONT", "survives", _stopped(GCS, seconds=4)),
    Kind("exchange of checkpoints: SIGKILL", "survives", _killed(EXCHANGE)),
    Kind("a neighbour takes the memory", "survives", _take_memory),
    Kind("a node leaves", "survives", _lose_node),
)
