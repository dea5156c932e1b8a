"""What a driver writes in one go: few transactions a trial, each in the ledger whole or not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from nas.config import SearchConfig
from nas.ledger import Ledger
from nas.proposals import Proposals
from nas.run_folder import RunError, RunFolder
from search_space.architecture import Architecture

ConfigOf = Callable[..., SearchConfig]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]
Begin = Callable[..., Proposals]
Finish = Callable[..., None]


@pytest.fixture
def at_each_write() -> Callable[[Callable[[], None]], AbstractContextManager[None]]:
    """Within it, a function is called after every statement that changes a database."""

    class Watched(AbstractContextManager[None]):
        def __init__(self, call: Callable[[], None]) -> None:
            self.call = call

        def written(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if not statement.startswith(("SELECT", "PRAGMA")):
                self.call()

        def __enter__(self) -> None:
            event.listen(Engine, "after_cursor_execute", self.written)

        def __exit__(self, *_: Any) -> None:
            event.remove(Engine, "after_cursor_execute", self.written)

    return Watched


def test_a_trial_is_written_in_two_transactions(
    config_of: ConfigOf, start: Start, propose_from: Begin, finish: Finish
) -> None:
    """However many limits turn candidates away, and however long its curve is."""
    config = config_of(sampler={"name": "random"}, limits={"params": 2000})
    _, ledger = start(config)
    proposals = propose_from(config, ledger)
    commits = []

    def committed(connection: Any) -> None:
        commits.append(1)

    event.listen(Engine, "commit", committed)
    try:
        for _ in range(3):
            finish(proposals, proposals.propose())
    finally:
        event.remove(Engine, "commit", committed)
    assert len(commits) == 6
    assert proposals.rejections.to_json()["params"]["count"] > 0


@pytest.mark.parametrize("name", ["random", "nsga2"])
def test_a_driver_killed_at_any_statement_leaves_whole_rows(
    config_of: ConfigOf,
    start: Start,
    propose_from: Begin,
    finish: Finish,
    at_each_write: Callable[[Callable[[], None]], AbstractContextManager[None]],
    tmp_path: Path,
    name: str,
) -> None:
    """A copy of the file and its log, made at that moment, is what a killed driver leaves."""
    config = config_of(sampler={"name": name})
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    finish(proposals, proposals.propose())
    copies: list[RunFolder] = []

    def copy() -> None:
        copies.append(RunFolder(tmp_path / "copies" / str(len(copies))))
        copies[-1].path.mkdir(parents=True)
        for file in run.path.glob("ledger.db*"):
            shutil.copy(file, copies[-1].path)

    with at_each_write(copy):
        proposal = proposals.propose()
        proposed_by = len(copies)
        finish(proposals, proposal)
    assert 0 < proposed_by < len(copies)
    for number, copied in enumerate(copies):
        again = propose_from(config, Ledger.open(config, copied))
        assert not again.half_asked
        assert again.trained == 1
        assert again.unfinished == ([] if number < proposed_by else [proposal])
    assert propose_from(config, Ledger.open(config, run)).trained == 2


def test_what_is_interrupted_is_undone_and_what_raises_is_not(
    config_of: ConfigOf, start: Start, propose_from: Begin, finish: Finish
) -> None:
    config = config_of()
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    done, interrupted, raising = (proposals.propose() for _ in range(3))
    finish(proposals, done)
    for proposal, error in ((interrupted, KeyboardInterrupt), (raising, ValueError)):
        with pytest.raises(error), ledger.one_transaction():
            proposals.study.tell(proposal.number, [0.5, 1000.0])
            raise error
    rows = Ledger.open(config, run).evaluations()
    assert [row.state for row in rows] == ["complete", "running", "complete"]
    proposals.fail(interrupted, "Traceback: no")  # the next transaction is a new one
    assert Ledger.open(config, run).evaluations()[1].error == "Traceback: no"


def test_a_ledger_that_cannot_be_written_is_named(
    config_of: ConfigOf,
    start: Start,
    propose_from: Begin,
    full_disk: Callable[[int], AbstractContextManager[None]],
) -> None:
    config = config_of()
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    first = proposals.propose()
    with pytest.raises(RunError) as caught, full_disk(run.ledger_file.stat().st_size):
        for _ in range(300):
            proposals.propose()
    assert str(caught.value).startswith(f"cannot go on with the ledger {run.ledger_file}: ")
    assert "\n" not in str(caught.value)
    again = propose_from(config, Ledger.open(config, run))
    assert again.unfinished[0] == first
    assert isinstance(again.propose().architecture, Architecture)
