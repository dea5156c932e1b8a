"""One search or retraining into which faults are injected: its command, its ledger, its moments."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tests.faults.cluster import Cluster
from tests.faults.command import Command
from tests.faults.ledger_rows import Key, LedgerUnreachable, Row, finished, read_rows
from tests.faults.ordered_primitive import ORDERS
from tests.faults.variants import NAME
from tests.postgresql_server import PostgreSQLServer
from trainers import CheckpointError, load_checkpoint

END_SECONDS = 240.0
"""The time within which a command ends or goes on after a fault."""

POLL_SECONDS = 0.2

TEMPORARY = re.compile(rf"\.{NAME}\.\d+|\.\d+-[0-9a-f]+\.tmp|\.checkpoint.*\.tmp")
"""The names of files that are made to be renamed."""


class CommandEnded(Exception):
    """The command ended while something was waited for."""


class TooLong(Exception):
    """Something did not happen in time."""


class Scene:
    """The folder of one seed, in which a command runs, dies and is run again.

    Args:
        folder: holds the configuration, ``runs``, the orders to networks, and the log.
        arguments: of ``nas``; the search's are followed by ``--resume`` where its run is there.
        environment: of the command.
        rng: draws moments and targets.
        server: holds the ledger; None for SQLite.
        cluster: trains; None for a local Ray.
    """

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        rng: random.Random,
        server: PostgreSQLServer | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.orders = folder / "orders"
        self.orders.mkdir(exist_ok=True)
        self.environment = {**environment, ORDERS: str(self.orders)}
        self.rng = rng
        self.server = server
        self.cluster = cluster
        self.counts: Mapping[str, int] = {}  # of an undisturbed command, see tests/faults/hook
        self.starts = 0
        self._arguments = arguments
        self._command: Command | None = None
        self._rows: dict[Key, Row] = {}

    @property
    def is_search(self) -> bool:
        """Whether the command is a search, not a retraining."""
        return self._arguments[0] == "search"

    @property
    def command(self) -> Command:
        """The command that runs, or that ended last."""
        assert self._command is not None
        return self._command

    @property
    def is_running(self) -> bool:
        """Whether the command runs."""
        return self._command is not None and self._command.is_running

    @property
    def log(self) -> Path:
        """The file with all that the commands printed."""
        return self.folder / "log.txt"

    @property
    def is_begun(self) -> bool:
        """Whether there is a run to resume."""
        return (self.runs / NAME / "config.yaml").is_file()

    def again(self) -> list[str]:
        """Return the command's arguments to go on with what is there."""
        resume = ["--resume"] if self.is_search and self.is_begun else []
        return [*self._arguments, *resume]

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Run the command (again)."""
        assert not self.is_running
        self.close()
        own = {**self.environment, **(environment or {})}
        self._command = Command(self.again(), self.folder, own, self.log)
        self.starts += 1

    def close(self) -> None:
        """End the command and what is left of it."""
        if self._command is not None:
            self._command.close()

    def rows(self) -> dict[Key, Row]:
        """Return the ledger's rows, or the last ones that could be read."""
        file = self.runs / NAME / "ledger.db"
        with suppress(LedgerUnreachable):
            self._rows = read_rows(self.server or file)
        return self._rows

    def wait_until(
        self, holds: Callable[[], bool], what: str, seconds: float = END_SECONDS
    ) -> None:
        """Wait until something holds, while the command runs.

        Raises:
            CommandEnded: the command ended first.
            TooLong: neither came in time.
        """
        until = time.monotonic() + seconds
        while not holds():
            if not self.is_running:
                raise CommandEnded(what)
            if time.monotonic() > until:
                raise TooLong(f"{seconds:g} s passed: {what}")
            self.command.family.remember()
            time.sleep(POLL_SECONDS)

    def progress(self) -> int:
        """Return a number that grows as the command goes on: finished rows, or the state's epoch.

        A retraining that begins anew would fall behind its earlier state.
        """
        if self.is_search:
            return len(finished(self.rows()))
        for file in self.runs.glob("*/retrain/*/checkpoint.pt"):
            with suppress(CheckpointError):  # the training has just ended
                epoch: int = load_checkpoint(file)["epoch"]
                return epoch
        return 0

    def wait_for_progress(self, number: int) -> None:
        """Wait until the progress is at least so much.

        Raises:
            CommandEnded, TooLong: see :meth:`wait_until`.
        """
        self.wait_until(lambda: self.progress() >= number, "the command made no progress")

    def pause(self, seconds: float) -> None:
        """Let the command run on for so long.

        Raises:
            CommandEnded: it ended.
        """
        until = time.monotonic() + seconds
        self.wait_until(lambda: time.monotonic() >= until, "a pause", seconds + 1)

    def process(self, *titles: str) -> psutil.Process:
        """Return one of the command's processes by its title, waiting until it is there.

        Raises:
            CommandEnded, TooLong: see :meth:`wait_until`.
        """
        chosen: list[psutil.Process] = []

        def choose() -> bool:
            chosen[:] = (self.cluster or self.command.family).named(*titles)
            return bool(chosen)

        self.wait_until(choose, f"there is no process {titles}", 60)
        return self.rng.choice(chosen)

    def leftovers(self) -> list[str]:
        """Return complaints of temporary files that ended commands left in the folder of runs."""
        return [
            f"left behind: {path.relative_to(self.folder)}"
            for path in self.runs.rglob(".*")
            if TEMPORARY.fullmatch(path.name)
        ]


def plain_environment(state_folder: Path, ray_folder: Path) -> dict[str, str]:
    """Return the environment of the harness's commands.

    Args:
        state_folder: of the product, in place of the user's.
        ray_folder: of Ray's sessions; its path must be short.
    """
    return os.environ | {
        "OMP_NUM_THREADS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": str(ray_folder),
        "XDG_STATE_HOME": str(state_folder),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
