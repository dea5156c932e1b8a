"""The states of a trial: legal transitions, and that an illegal one writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from nas.config.search_config import SearchConfig
from nas.evaluation.evaluate import EvaluationResult
from nas.search.trial_state import TRANSITIONS, IllegalTransition, State, Trial
from nas.storage.ledger import Ledger
from search_space.architecture import Task
from tests.hand_driven import HandDriven

ConfigOf = Callable[..., SearchConfig]
InMemory = Callable[[SearchConfig], Ledger]

ENDS = {State.COMPLETE, State.PRUNED, State.FAILED, State.INFEASIBLE}

RESULT = EvaluationResult({"val_accuracy": 0.5}, [{"epoch": 2, "val_accuracy": 0.5}], 1.0)

WAYS: dict[State, list[State]] = {
    State.PROPOSED: [],
    State.READY: [State.READY],
    State.RUNNING: [State.READY, State.RUNNING],
    State.PAUSED: [State.READY, State.RUNNING, State.PAUSED],
    State.COMPLETE: [State.READY, State.RUNNING, State.COMPLETE],
    State.PRUNED: [State.READY, State.RUNNING, State.PRUNED],
    State.FAILED: [State.FAILED],
    State.INFEASIBLE: [State.INFEASIBLE],
}
"""Transitions from a proposed trial to each state."""


@pytest.mark.parametrize(("before", "after"), product(State, State))
def test_a_state_follows_only_where_the_table_says_so(before: State, after: State) -> None:
    trial = Trial(7, "an architecture", before, epochs=3)
    if after in TRANSITIONS[before]:
        assert trial.moved(after) == Trial(7, "an architecture", after, epochs=3)
        assert trial.moved(after, epochs=4).epochs == 4
        return
    with pytest.raises(IllegalTransition, match=f"trial 7 is {before} and cannot become {after}"):
        trial.moved(after)


def test_ends_are_ends_and_every_state_can_be_reached() -> None:
    assert {state for state in State if not TRANSITIONS[state]} == ENDS
    for state, way in WAYS.items():
        trial = Trial(0, "an architecture")
        for each in way:
            trial = trial.moved(each)
        assert trial.state == state


def move(driven: HandDriven, number: int, to: State) -> None:
    """Move a trial to a state by its owner's method, with all that it writes."""
    trials = driven.trials
    metrics = {"val_accuracy": 0.5, "params": 10}
    moves: dict[State, Callable[[], object]] = {
        State.READY: lambda: trials.pass_on(number),
        State.RUNNING: lambda: trials.start(number),
        State.PAUSED: lambda: trials.pause(number, RESULT, None, epoch=2),
        State.COMPLETE: lambda: trials.complete(number, metrics, RESULT, None),
        State.PRUNED: lambda: trials.prune(number, RESULT, None, epoch=2),
        State.FAILED: lambda: trials.fail(number, "it raised"),
        State.INFEASIBLE: lambda: trials.reject(number, {"latency_ms": 9.0}),
    }
    moves[to]()


@pytest.mark.parametrize(
    ("before", "after"), [pair for pair in product(State, State) if pair[1] != State.PROPOSED]
)
def test_the_records_say_what_the_state_is(
    config_of: ConfigOf, in_memory: InMemory, task: Task, before: State, after: State
) -> None:
    """Legal transitions are in the ledger at once; an illegal one leaves it unchanged."""
    config = config_of()
    ledger = in_memory(config)
    driven = HandDriven(config, ledger, task)
    number = driven.propose().number
    for each in WAYS[before]:
        move(driven, number, each)
    rows = ledger.evaluations()
    if after not in TRANSITIONS[before]:
        with pytest.raises(IllegalTransition):
            move(driven, number, after)
        assert driven.trials.trial(number).state == before
        assert ledger.evaluations() == rows
        return
    move(driven, number, after)
    (row,) = ledger.evaluations()
    unfinished = {State.READY: "running", State.RUNNING: "running", State.PAUSED: "paused"}
    if before == State.PAUSED and after == State.RUNNING:
        unfinished[State.RUNNING] = "paused"  # which it is again when its driver dies
    ends = {State.FAILED: "fail", State.INFEASIBLE: "fail"}
    assert row.state == (unfinished | ends).get(after, str(after))
    counted = {state: driven.trials.count(state) for state in State}
    assert counted == {state: int(state == after) for state in State}


def test_a_search_that_is_resumed_has_the_states_that_the_records_say(
    config_of: ConfigOf, in_memory: InMemory, task: Task
) -> None:
    config = config_of()
    ledger = in_memory(config)
    driven = HandDriven(config, ledger, task)
    numbers = {}
    for state, way in WAYS.items():
        numbers[state] = driven.propose().number
        for each in way:
            move(driven, numbers[state], each)
    again = HandDriven(config, ledger, task).trials
    begin_anew = (State.PROPOSED, State.READY, State.RUNNING)
    for state, number in numbers.items():
        assert again.trial(number).state == (State.PROPOSED if state in begin_anew else state)
    assert again.trial(numbers[State.PAUSED]).epochs == 2
    assert (again.trained, again.begun) == (2, 4)


@pytest.mark.parametrize("state", list(State))
def test_a_proposal_made_again_is_told_what_the_first_one_is(
    config_of: ConfigOf, in_memory: InMemory, task: Task, state: State
) -> None:
    """Also while it continues from a pause: its curve up to the pause is known."""
    ledger = in_memory(config_of())
    driven = HandDriven(config_of(), ledger, task)
    first = driven.propose()
    for each in WAYS[State.PAUSED] if state == State.RUNNING else ():
        move(driven, first.number, each)
    for each in WAYS[state][-1:] if state == State.RUNNING else WAYS[state]:
        move(driven, first.number, each)
    again = driven.study.ask().number
    driven.trials.write_repeat(again, first.architecture)
    driven.trials.add_repeat(again, first.architecture)
    one, other = ledger.trials()
    assert (other.state, other.values) == (one.state, one.values)
    assert other.intermediate_values == one.intermediate_values
    paused = {State.RUNNING, State.PAUSED}
    assert ("paused_at_epoch" in other.user_attrs) == (state in paused)
    if state in paused:
        assert other.user_attrs["paused_at_epoch"] == one.user_attrs["paused_at_epoch"] == 2
