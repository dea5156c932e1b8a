"""Faults of trainings: networks that misbehave, once or whenever they are trained."""

from __future__ import annotations

from tests.faults.kind import Inject, Kind, NotInjected, Violation
from tests.faults.ledger_rows import lost_workers
from tests.faults.scene import CommandEnded, Scene

TAKEN_SECONDS = 180.0


def _ordered(misdeed: str, *, always: bool = False) -> Inject:
    """Let a training misbehave; it is over when its row names the lost worker, or has failed."""
    fails = always or misdeed in ("raise", "nan")

    def count(scene: Scene) -> int:
        rows = scene.rows()
        return sum(r.state == "FAIL" for r in rows.values()) if fails else lost_workers(rows)

    def inject(scene: Scene) -> None:
        before = count(scene)
        order = scene.orders / f"{misdeed}.{'always' if always else 'once'}"
        order.touch()
        try:
            scene.wait_until(lambda: not order.exists(), "no training took it", TAKEN_SECONDS)
        except CommandEnded:
            raise NotInjected("no training began after it") from None
        consequence = "no trial failed" if fails else "no row names a lost worker"
        said = f"{consequence} after {order.name}"
        try:
            scene.wait_until(lambda: count(scene) > before, said)
        except CommandEnded as error:
            raise Violation(said) from error

    return inject


TRIAL_KINDS = (
    Kind("trial: raises", "survives", _ordered("raise"), changes_search=True),
    Kind("trial: NaN", "survives", _ordered("nan"), changes_search=True),
    Kind("trial: exits", "survives", _ordered("exit")),
    Kind("trial: crashes (SIGSEGV)", "survives", _ordered("crash")),
    Kind("trial: hangs", "survives", _ordered("hang"), late=True),
    Kind("trial: too much memory", "survives", _ordered("memory")),
    Kind(
        "trial: exits whenever it is trained",
        "survives",
        _ordered("exit", always=True),
        changes_search=True,
        early=True,
    ),
)
