"""Faults of the driver: signals at any moment, kills at a statement or file write, a second one."""

from __future__ import annotations

import signal
import time
from typing import Literal

from tests.faults.command import Command
from tests.faults.hook import hook
from tests.faults.kind import Inject, Kind, NotInjected, Violation
from tests.faults.scene import Scene


def _sent(number: signal.Signals, *, times: int = 1, to_group: bool = False) -> Inject:
    def inject(scene: Scene) -> None:
        scene.command.wait_until_it_heeds_signals()
        for index in range(times):
            if index:
                time.sleep(scene.rng.uniform(0.0, 0.3))
            scene.command.send(number, to_group=to_group)

    return inject


def _close_terminal(scene: Scene) -> None:
    scene.command.close_terminal()


def _killed_at(what: Literal["sql", "write"]) -> Inject:
    """Start the command so that it is killed at a statement or write; wait for that."""

    def inject(scene: Scene) -> None:
        # A command that goes on makes fewer of them.
        moment = f"{what}:{scene.rng.randint(1, max(1, scene.counts[what] // 2))}"
        scene.start(hook(scene.runs, FAULTS_KILL_AT=moment))
        if scene.command.wait(240) == 0:
            raise NotInjected(f"the command ended before {moment}")

    return inject


def _second_driver(scene: Scene) -> None:
    if not scene.is_begun:
        raise NotInjected("the run is not begun")
    second = Command(scene.again(), scene.folder, scene.environment, scene.log)
    try:
        status = second.wait(120)
        if not scene.is_running:
            raise NotInjected("the search ended before its second driver began")
        wrong = second.complaints()
        if status != 1 or "is being driven by another process" not in second.text:
            wrong.append(f"the second driver ended with {status}: {second.text[-300:]}")
    finally:
        second.close()
    if wrong:
        raise Violation("; ".join(wrong))


SIGNALS = (
    Kind("driver: SIGKILL", "killed", _sent(signal.SIGKILL), anywhen=True),
    Kind("driver: SIGTERM", "interrupted", _sent(signal.SIGTERM), anywhen=True),
    Kind("driver: SIGINT", "interrupted", _sent(signal.SIGINT), anywhen=True),
    Kind("driver: SIGINT twice", "interrupted", _sent(signal.SIGINT, times=2), anywhen=True),
    Kind(
        "driver: SIGINT to the group",
        "interrupted",
        _sent(signal.SIGINT, to_group=True),
        anywhen=True,
    ),
    Kind("driver: SIGHUP", "interrupted", _sent(signal.SIGHUP), anywhen=True),
    Kind("driver: its terminal closed", "interrupted", _close_terminal, anywhen=True),
)

DRIVER_KINDS = (
    *SIGNALS,
    Kind("driver: SIGKILL at an SQL statement", "killed", _killed_at("sql"), begins=True),
    Kind("driver: SIGKILL at a file write", "killed", _killed_at("write"), begins=True),
    Kind("two drivers", "survives", _second_driver, early=True),
)
