"""What a driver writes in one go: few transactions a trial, each in the ledger whole or not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from optuna.trial import TrialState
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


STATES = """
select state,
  (select count(*) from trial_params where trial_id = trials.trial_id),
  (select count(*) from trial_user_attributes where trial_id = trials.trial_id),
  (select count(*) from trial_intermediate_values where trial_id = trials.trial_id),
  (select count(*) from trial_values where trial_id = trials.trial_id)
from trials
"""
"""Every trial's state, and how many parameters, attributes, points and values it has."""


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


def test_a_driver_killed_at_any_statement_leaves_whole_rows(
    config_of: ConfigOf,
    start: Start,
    propose_from: Begin,
    finish: Finish,
    at_each_write: Callable[[Callable[[], None]], AbstractContextManager[None]],
) -> None:
    """What another connection sees at that moment is what a killed driver leaves."""
    config = config_of(sampler={"name": "random"})
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    seen: list[list[tuple[Any, ...]]] = []

    def look() -> None:
        with sqlite3.connect(run.ledger_file) as beside:
            seen.append(beside.execute(STATES).fetchall())

    with at_each_write(look):
        proposal = proposals.propose()
        proposed_by = len(seen)
        finish(proposals, proposal)
    assert proposed_by > 10
    assert len(seen) > proposed_by + 5
    assert seen[:proposed_by] == [[]] * proposed_by
    proposed = len(proposals.study.trials[0].params)
    assert seen[proposed_by:] == [[("RUNNING", proposed, 5, 0, 0)]] * (len(seen) - proposed_by)
    (trial,) = ledger.study("search").trials
    assert trial.state == TrialState.COMPLETE
    assert len(trial.intermediate_values) == len(trial.values) == 2


def test_what_is_interrupted_is_undone_and_what_raises_is_not(
    config_of: ConfigOf, start: Start, propose_from: Begin, finish: Finish
) -> None:
    config = config_of()
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    done, interrupted, raising = (proposals.propose() for _ in range(3))
    finish(proposals, done)
    for proposal, error in ((interrupted, KeyboardInterrupt), (raising, ValueError)):
        with pytest.raises(error):
            tell_and_raise(proposals, ledger, proposal.number, error)
    rows = Ledger.open(config, run).evaluations()
    assert [row.state for row in rows] == ["complete", "running", "complete"]
    proposals.fail(interrupted, "Traceback: no")  # the next transaction is a new one
    assert Ledger.open(config, run).evaluations()[1].error == "Traceback: no"


def tell_and_raise(
    proposals: Proposals, ledger: Ledger, number: int, error: type[BaseException]
) -> None:
    with ledger.one_transaction():
        proposals.study.tell(number, [0.5, 1000.0])
        raise error


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
        [proposals.propose() for _ in range(300)]
    assert str(caught.value).startswith(f"cannot go on with the ledger {run.ledger_file}: ")
    assert "\n" not in str(caught.value)
    again = propose_from(config, Ledger.open(config, run))
    assert again.unfinished[0] == first
    assert isinstance(again.propose().architecture, Architecture)
