"""Runs to damage: one that was interrupted, and one that ended and was retrained."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory

from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from tests.nas.workflows.doctor import real_run


@pytest.fixture(scope="package", autouse=True)
def _migrations_read_once() -> Iterator[None]:
    """Alembic reads its scripts, for half a second, whenever Optuna opens a database."""
    heads: dict[str, Any] = {}
    read = ScriptDirectory.get_current_head

    def get_current_head(directory: ScriptDirectory) -> Any:
        if directory.dir not in heads:
            heads[directory.dir] = read(directory)
        return heads[directory.dir]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "get_current_head", get_current_head)
        yield


@pytest.fixture(scope="session")
def interrupted_once(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A search that paused several trials at the rung, and was interrupted."""
    return real_run.begin(tmp_path_factory.mktemp("interrupted"), jobs=6)


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A search that ended, with one architecture trained in full."""
    run = real_run.begin(tmp_path_factory.mktemp("finished"))
    ledger = Ledger.read(run.config(), run)
    best = next(row for row in ledger.evaluations() if row.state == "complete")
    ledger.close()
    real_run.retrain(run, best.architecture)
    return run


def copied(run: RunFolder, folder: Path) -> RunFolder:
    shutil.copytree(run.path, folder / "runs" / run.name)
    return RunFolder((folder / "runs" / run.name).resolve())


@pytest.fixture
def interrupted(interrupted_once: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the interrupted run."""
    return copied(interrupted_once, tmp_path / "interrupted")


@pytest.fixture
def finished(finished_once: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the finished run."""
    return copied(finished_once, tmp_path / "finished")
