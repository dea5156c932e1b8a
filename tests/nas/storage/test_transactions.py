"""The driver's transactions: few a trial, each in the ledger whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from optuna.trial import TrialState
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture
from search_space.cost import Costs
from tests.hand_driven import HandDriven

pytestmark = pytest.mark.many_cases

ConfigOf = Callable[..., SearchConfig]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]
InMemory = Callable[[SearchConfig], Ledger]
Begin = Callable[..., HandDriven]
Finish = Callable[..., None]
AtEachWrite = Callable[[Callable[[], None]], AbstractContextManager[None]]


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
def at_each_write() -> AtEachWrite:
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
    at_each_write: AtEachWrite,
) -> None:
    """Another connection sees at that moment what a killed driver leaves."""
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
    assert [row.state for row in rows] == ["complete", "running", "fail"]
    proposals.fail(interrupted, "Traceback: no")  # the next transaction is a new one
    assert Ledger.open(config, run).evaluations()[1].error == "Traceback: no"


def tell_and_raise(
    proposals: HandDriven, ledger: Ledger, number: int, error: type[BaseException]
) -> None:
    def write() -> None:
        proposals.study.tell(number, state=TrialState.FAIL)
        raise error

    ledger.transact(write)


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


class Killed(BaseException):
    """The driver's end, in the middle of something."""


@pytest.mark.parametrize(
    "sampler",
    [
        {"name": "pareto_local_search", "options": {"initial_trials": 3}},
        {"name": "nsga2", "options": {"population_size": 3}},
    ],
    ids=["pareto_local_search", "nsga2"],
)
@pytest.mark.parametrize("statement", range(1, 150, 30))
def test_whichever_statement_is_the_last_one_the_search_goes_on_as_if_it_were_not(
    config_of: ConfigOf,
    start: Start,
    in_memory: InMemory,
    propose_from: Begin,
    finish: Finish,
    costs: Callable[[Architecture], Costs],
    at_each_write: AtEachWrite,
    sampler: dict[str, Any],
    statement: int,
) -> None:
    """With a foreign sampler also: what was being turned away is not trained."""

    def train(proposals: HandDriven, count: int) -> list[Architecture]:
        trained = []
        for _ in range(count):
            proposal = proposals.propose()
            finish(proposals, proposal)
            trained.append(proposal.architecture)
        return trained

    common: dict[str, Any] = {"sampler": sampler, "limits": {"params": 2000}, "seed": 6}
    whole = config_of(name="whole", **common)
    ledger_of_whole = in_memory(whole)
    expected = train(propose_from(whole, ledger_of_whole), 5)

    config = config_of(name="stopped", **common)
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    left = iter(range(statement))

    def die() -> None:
        if next(left, None) is None:
            raise Killed

    with pytest.raises(Killed), at_each_write(die):
        train(proposals, 20)

    ledger = Ledger.open(config, run)
    proposals = propose_from(config, ledger)
    for proposal in proposals.unfinished:
        finish(proposals, proposal)
    train(proposals, 5 - proposals.trained)
    rows = ledger.evaluations()
    assert [row.number for row in rows] == list(range(len(rows)))
    assert [row.architecture for row in rows if row.state == "complete"][:5] == expected
    assert {row.state for row in rows} <= {"complete", "fail"}
    assert all(costs(row.architecture).params <= 2000 for row in rows if row.state == "complete")
    columns = ("number", "state", "architecture", "seed", "metrics", "curve", "violation", "error")
    assert [
        [getattr(row, c) for c in columns] for row in rows[: len(ledger_of_whole.evaluations())]
    ] == [[getattr(row, c) for c in columns] for row in ledger_of_whole.evaluations()]


@pytest.mark.parametrize("sampler", ["random", "nsga2"])
@pytest.mark.parametrize("step", ["before_trial", "sample_relative", "costs"])
def test_a_proposal_that_raises_has_failed(
    config_of: ConfigOf,
    start: Start,
    propose_from: Begin,
    monkeypatch: pytest.MonkeyPatch,
    sampler: str,
    step: str,
) -> None:
    """Wherever it does: no trial runs that has no architecture."""
    config = config_of(sampler={"name": sampler}, limits={"params": "1G"})
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    proposals.propose()

    def wrong(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        where: Any = type(proposals.study.sampler)
        if step == "costs":  # of a proposal, when the sampler has made it
            where, step = type(proposals.problem.costs), "of"
        patch.setattr(where, step, wrong)
        with pytest.raises(ZeroDivisionError):
            proposals.propose()
    trials = Ledger.open(config, run).study("search").trials
    assert [trial.state for trial in trials] == [TrialState.RUNNING, TrialState.FAIL]
    again = propose_from(config, Ledger.open(config, run))
    assert again.propose().number == 2


def test_a_storage_that_is_lost_while_asking_is_named_and_has_no_such_trial(
    config_of: ConfigOf, start: Start, propose_from: Begin
) -> None:
    config = config_of()
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    first = proposals.propose()

    def lost(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO trial_params"):
            raise OperationalError(statement, {}, Exception("the server has gone away"))

    event.listen(Engine, "before_cursor_execute", lost)
    try:
        with pytest.raises(RunError, match=r"cannot go on with .*the server has gone away"):
            proposals.propose()
    finally:
        event.remove(Engine, "before_cursor_execute", lost)
    again = propose_from(config, Ledger.open(config, run))
    assert again.unfinished == [first]
    assert again.propose().number == 1
