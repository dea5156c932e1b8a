"""Fixtures of the commands' tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nas.config.search_config import SearchConfig
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Task
from tests.hand_driven import HandDriven
from tests.nas.cli.trained_here import TrainedHere

Begin = Callable[..., tuple[RunFolder, Ledger]]


@pytest.fixture
def begun(
    start: Callable[[SearchConfig], tuple[RunFolder, Ledger]],
    propose_from: Callable[..., HandDriven],
    finish: Callable[..., None],
    task: Task,
) -> Begin:
    """Make a run with its task and some finished trials."""

    def made(config: SearchConfig, trials: int = 1) -> tuple[RunFolder, Ledger]:
        run, ledger = start(config)
        run.write_json("task.json", task.model_dump(mode="json"))
        proposals = propose_from(config, ledger)
        for _ in range(trials):
            finish(proposals, proposals.propose())
        return run, ledger

    return made


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> TrainedHere:
    """Full trainings and proxy evaluations in this process."""
    return TrainedHere(monkeypatch)
