"""Inject one seed's faults into a search, one after another, and assert what must hold."""

from __future__ import annotations

import random
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import psutil
import yaml

from tests.faults.cluster import ray_cluster
from tests.faults.command import ORPHAN_SECONDS
from tests.faults.kind import Kind, NotInjected, Violation
from tests.faults.ledger_rows import (
    Key,
    Row,
    differences,
    finished,
    lost_or_repeated,
)
from tests.faults.mounts import NoMounts, small_disk
from tests.faults.outcome import FaultRecord, Outcome
from tests.faults.plans import KINDS, Plan
from tests.faults.processes import WORKER_TITLES
from tests.faults.ray_kinds import memory_monitor
from tests.faults.scene import CommandEnded, Scene, TooLong, plain_environment
from tests.faults.undisturbed import (
    RETRAIN,
    Undisturbed,
    differences_of_training,
    read_full_training,
)
from tests.faults.variants import NAME, configuration, trials_of
from tests.postgresql_server import running_server

END = "(the end of the search)"
"""The record's kind of the comparison with the undisturbed search, which is no fault."""

START_SECONDS = 12.0
"""A fault that falls into a command's start does so within this time."""

STARTS_SHARE = 0.4
"""The share of the faults at any moment that fall into a command's start."""

DISK_MEBIBYTES = 24

ENDING_SECONDS = 15.0
"""A command that ends by itself so soon after a signal was ending when the signal came."""

UNDER_WAY = re.compile(r"^(trials|full trainings) \d+/", re.MULTILINE)
"""A command that shows its progress must say how to go on when it ends; one that starts need not.
"""

SIGN_OF_RESUMING = {True: "--resume", False: "same command again"}
"""The words by which a command that ended says how to go on, for a search and a retraining."""

FINISHED = ("the search is finished", "front drawn in")
"""The words of a search that has nothing left to go on with, stopped as it draws and after."""


class SeedRun:
    """The faults of one seed.

    Args:
        seed: chooses the moments and the targets.
        plan: says which faults fall into which search; without faults nothing runs.
        out: gets a folder for the seed; it is kept if something is wrong.
        undisturbed: to compare with.
        on_record: is given each fault's record.
    """

    def __init__(
        self,
        seed: int,
        plan: Plan,
        out: Path,
        undisturbed: Undisturbed,
        on_record: Callable[[FaultRecord], None],
    ) -> None:
        self._seed = seed
        self._plan = plan
        self._rng = random.Random(seed)
        names = list(self._plan.kinds)
        if not self._plan.in_order:
            self._rng.shuffle(names)
            names.sort(key=lambda name: not KINDS[name].early)
        self._kinds = [KINDS[name] for name in names]
        self._folder = out / f"seed-{seed}"
        self._undisturbed = undisturbed
        self._on_record = on_record
        self._is_wrong = self._changed = False
        self._moment = ""
        self._furthest = 0
        self._reported: set[str] = set()

    def run(self) -> None:
        """Inject the faults, run the search to its end, and compare."""
        if not self._kinds:
            return
        variant = self._plan.variant
        # A search that a fault may change is compared with nothing.
        compares = not any(kind.changes_search for kind in self._kinds)
        expected = self._undisturbed.rows(variant) if compares else {}
        rows = len(finished(expected)) if compares else trials_of(variant)
        if self._plan.retrains:
            self._undisturbed.full_training()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._ray_folder = Path(tempfile.mkdtemp(prefix="faults-ray-"))
        with ExitStack() as stack:
            scene = self._scene(stack)
            if compares:
                name = "retrain" if self._plan.retrains else variant
                scene.counts = self._undisturbed.counts(name)
            stack.callback(scene.close)
            for index, kind in enumerate(self._kinds):
                self._fault(scene, kind, index, rows)
            self._end(scene, expected)
        if self._is_wrong:
            (self._folder / "ray").symlink_to(self._ray_folder)
        else:
            shutil.rmtree(self._folder)
            shutil.rmtree(self._ray_folder)

    def _scene(self, stack: ExitStack) -> Scene:
        """Make the folder, and start what the search needs."""
        plan, runs = self._plan, self._folder / "runs"
        environment = plain_environment(self._folder / "state", self._ray_folder)
        server = stack.enter_context(running_server()) if plan.on_server else None
        cluster = stack.enter_context(ray_cluster(environment)) if plan.on_cluster else None
        if cluster is not None:
            environment = cluster.environment
        if plan.watches_memory:
            environment |= memory_monitor()
        if plan.on_small_disk:
            stack.enter_context(small_disk(runs, DISK_MEBIBYTES))
        if plan.retrains:
            source = self._undisturbed.folder_of(plan.variant) / "runs"
            shutil.copytree(source, runs, symlinks=True)
            return Scene(self._folder, RETRAIN, environment, self._rng)
        content = configuration(
            plan.variant,
            storage=server.url if server else None,
            address=cluster.address if cluster else None,
            search=plan.search,
        )
        (self._folder / "search.yaml").write_text(yaml.safe_dump(content))
        arguments = ("search", "search.yaml")
        return Scene(self._folder, arguments, environment, self._rng, server, cluster)

    def _fault(self, scene: Scene, kind: Kind, index: int, rows: int) -> None:
        """Inject one fault, and record its outcome."""
        begun, wrong = time.monotonic(), []
        outcome: Outcome = "not counted"
        detail = ""
        self._moment = ""
        try:
            self._come_to(scene, kind, index, rows)
            before, progress = scene.rows(), scene.progress()
            is_under_way = scene.is_running and UNDER_WAY.search(scene.command.text) is not None
            kind.inject(scene)
            self._changed |= kind.changes_search
            outcome, wrong = self._consequence(scene, kind, progress, says_how=is_under_way)
            wrong += lost_or_repeated(before, scene.rows())
            if 0 < progress < self._furthest:
                wrong.append(f"it fell back from {self._furthest} to {progress} rows, or epochs")
            self._furthest = max(self._furthest, progress)
        except (NotInjected, NoMounts, psutil.NoSuchProcess) as error:
            detail = str(error)
        except CommandEnded as error:
            if scene.command.wait(0) == 0:
                detail = f"the command ended first: {error}"
            else:
                wrong = [f"the command ended by itself: {_last_words(scene)}", *self._ended(scene)]
        except (TooLong, Violation) as error:
            wrong = [str(error)]
        wrong = [complaint for complaint in wrong if complaint not in self._reported]
        self._reported.update(wrong)
        self._record(kind.name, "finding" if wrong else outcome, "; ".join(wrong) or detail, begun)
        if any("passed:" in complaint for complaint in wrong):
            scene.close()  # it hangs: the next fault starts it again

    def _come_to(self, scene: Scene, kind: Kind, index: int, rows: int) -> None:
        """Bring the command to the moment of a fault."""
        if kind.begins:
            if scene.is_running:
                scene.close()
            self._moment = "at a start"
            return
        is_new = not scene.is_running
        if is_new:
            if scene.starts and scene.command.wait(0) == 0:
                raise NotInjected("the command had ended")
            scene.start()
        share = (index + self._rng.random()) / len(self._kinds)
        pause = self._rng.uniform(0.0, 1.5)
        if is_new and kind.anywhen and self._rng.random() < STARTS_SHARE:
            pause = self._rng.uniform(0.2, START_SECONDS)
            self._moment = f"{pause:.1f} s after a start"
        elif scene.is_search:
            target = 1 if kind.early else max(int(share * (rows - 6)), 7 if kind.late else 0)
            self._moment = f"{target} rows and {pause:.1f} s"
            scene.wait_for_progress(target)
            if not target:  # while the first trials are trained
                scene.wait_until(lambda: bool(scene.rows()), "no trial began")
        else:
            self._moment = f"a state and {pause:.1f} s"
            scene.wait_for_progress(scene.progress() + 1)
        scene.pause(pause)

    def _consequence(
        self, scene: Scene, kind: Kind, progress: int, *, says_how: bool
    ) -> tuple[Outcome, list[str]]:
        """Return what became of the command after a fault, and what is wrong about it."""
        if kind.end in ("survives", "may end"):
            try:
                scene.wait_until(lambda: scene.progress() > progress, "it did not go on")
                return "survived", []
            except CommandEnded:
                if scene.command.wait(0) == 0:
                    return "survived", self._ended(scene)
        begun = time.monotonic()
        status = scene.command.wait(120)
        if status is None:
            raise TooLong(f"120 s passed: it did not end after {kind.name}")
        wrong = self._ended(scene)
        if status == 0:
            seconds = time.monotonic() - begun
            if seconds > ENDING_SECONDS:
                wrong.append(f"it went on as if nothing had been sent, for {seconds:.0f} s")
            return "not counted", wrong
        can_be = {"killed": -9, "interrupted": 130, "refused": 1, "may end": 1}
        if status != can_be.get(kind.end):
            wrong.append(f"exit status {status}: {_last_words(scene)}")
        if kind.end != "killed" and "terminal" not in kind.name:
            wrong += _says_how_to_go_on(scene, says_how=says_how, is_error=status == 1)
        return "resumed", wrong

    def _ended(self, scene: Scene) -> list[str]:
        """Return what is wrong after a command's end."""
        wrong = scene.command.complaints()
        until = time.monotonic() + ORPHAN_SECONDS
        while scene.cluster and (workers := scene.cluster.named(*WORKER_TITLES)):
            if time.monotonic() > until:
                return [*wrong, f"workers of the cluster live on: {workers}"]
            time.sleep(0.5)
        return wrong

    def _end(self, scene: Scene, expected: Mapping[Key, Row]) -> None:
        """Run the command to its end, and compare with the undisturbed one."""
        begun, wrong = time.monotonic(), []
        before = scene.rows()
        if not scene.is_running and not (scene.starts and scene.command.wait(0) == 0):
            scene.start()
        status = scene.command.wait(300)
        if status != 0:
            wrong.append(f"the command ended with {status}: {_last_words(scene)}")
        wrong += [*self._ended(scene), *scene.leftovers()] if status is not None else []
        rows = scene.rows()
        wrong += lost_or_repeated(before, rows)
        if status == 0 and self._plan.retrains:
            wrong += differences_of_training(
                self._undisturbed.full_training(), read_full_training(self._folder)
            )
        elif status == 0:
            trained = [row for row in finished(rows).values() if row.study == NAME]
            trials = trials_of(self._plan.variant)
            if len(trained) != trials:
                wrong.append(f"{len(trained)} trials are trained, not {trials}")
            if expected and not self._changed:
                wrong += differences(expected, rows)
        self._record(END, "finding" if wrong else "survived", "; ".join(wrong), begun)

    def _record(self, kind: str, outcome: Outcome, detail: str, begun: float) -> None:
        self._is_wrong |= outcome == "finding"
        seconds = round(time.monotonic() - begun, 1)
        folder = str(self._folder) if outcome == "finding" else ""
        moment = "" if kind.endswith(END) else self._moment
        label = self._plan.label(kind)
        self._on_record(
            FaultRecord(
                self._seed, self._plan.name, label, moment, outcome, detail, seconds, folder
            )
        )


def _says_how_to_go_on(scene: Scene, *, says_how: bool, is_error: bool) -> list[str]:
    """Return what is wrong about the last words of a command that ended."""
    text, wrong = scene.command.text, []
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error:")]
    if is_error and errors != lines[-1:]:
        wrong.append(f"it does not end with one line of error: {_last_words(scene)}")
    # The search may have ended between the fault's decision and its signal.
    has_finished = any(words in text for words in FINISHED)
    if says_how and not has_finished and SIGN_OF_RESUMING[scene.is_search] not in text:
        wrong.append(f"it does not say how to go on: {_last_words(scene)}")
    return wrong


def _last_words(scene: Scene) -> str:
    """Return the last lines that a command printed, for a report."""
    return " / ".join(scene.command.text.strip().splitlines()[-6:])[-600:]
