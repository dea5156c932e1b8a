"""Proposals of a search on a real ledger, with interruptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from nas.config.search_config import SearchConfig
from nas.costs.limits import REJECTIONS_IN_A_ROW
from nas.errors import NothingFits, SpaceExhausted
from nas.evaluation.evaluate import EvaluationResult, traceback_of
from nas.samplers import SAMPLERS
from nas.samplers.trials import Results
from nas.search.problem import space_of
from nas.search.trial_state import Trial
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture
from search_space.cost import Costs
from search_space.space import SearchSpace
from tests.hand_driven import HandDriven

pytestmark = pytest.mark.many_cases

Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]
InMemory = Callable[[SearchConfig], Ledger]
Begin = Callable[..., HandDriven]
Finish = Callable[[HandDriven, Trial], None]

STRATEGIES: dict[str, dict[str, Any]] = {
    "default": {"initial_trials": 3},
    "pareto_local_search": {"initial_trials": 3},
    "aging_evolution": {"population_size": 3, "tournament_size": 2},
    "random": {},
    "grid": {},
    "nsga2": {"population_size": 3},
    "tpe": {"n_startup_trials": 8},
}
assert set(STRATEGIES) == set(SAMPLERS)


def strategy(name: str) -> dict[str, Any]:
    return {"name": name, "options": STRATEGIES[name]}


def proposed_by(proposals: HandDriven, finish: Finish, count: int) -> list[Architecture]:
    """Return ``count`` proposals, each trained before the next one."""
    architectures = []
    for _ in range(count):
        proposal = proposals.propose()
        finish(proposals, proposal)
        architectures.append(proposal.architecture)
    return architectures


@pytest.mark.parametrize("name", SAMPLERS)
class TestInterruptions:
    def test_a_killed_driver_loses_nothing(
        self,
        config_of: Callable[..., SearchConfig],
        start: Start,
        propose_from: Begin,
        finish: Finish,
        name: str,
    ) -> None:
        config = config_of(sampler=strategy(name))
        run, ledger = start(config)
        proposals = propose_from(config, ledger)
        proposed_by(proposals, finish, 2)
        failed = proposals.propose()
        proposals.fail(failed, "Traceback: out of memory")
        running = [proposals.propose() for _ in range(2)]
        finish(proposals, running[0])
        rows = ledger.evaluations()
        del proposals, ledger

        ledger = Ledger.open(config, run)
        again = propose_from(config, ledger)
        assert ledger.evaluations() == rows
        assert again.trained == 3
        assert again.unfinished == [running[1]]
        finish(again, running[1])
        assert again.unfinished == []
        new = again.propose()
        assert new.number == len(rows)
        known = [row.architecture for row in ledger.evaluations()[:-1]]
        assert new.architecture not in known
        (row,) = [row for row in ledger.evaluations() if row.number == running[1].number]
        assert (row.state, row.architecture) == ("complete", running[1].architecture)

    def test_a_resumed_search_proposes_what_an_uninterrupted_one_would(
        self,
        config_of: Callable[..., SearchConfig],
        start: Start,
        in_memory: InMemory,
        propose_from: Begin,
        finish: Finish,
        name: str,
    ) -> None:
        whole = config_of(name="whole", sampler=strategy(name))
        expected = proposed_by(propose_from(whole, in_memory(whole)), finish, 7)
        config = config_of(name="stopped", sampler=strategy(name))
        run, ledger = start(config)
        proposed = proposed_by(propose_from(config, ledger), finish, 4)
        del ledger
        for count in (1, 2):
            proposals = propose_from(config, Ledger.open(config, run))
            proposed += proposed_by(proposals, finish, count)
        assert proposed == expected


def test_a_search_that_goes_on_learns_from_its_repeats(
    config_of: Callable[..., SearchConfig],
    start: Start,
    propose_from: Begin,
    finish: Finish,
    trained: Callable[..., EvaluationResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = config_of(sampler=strategy("default"))
    run, ledger = start(config)
    architectures = proposed_by(propose_from(config, ledger), finish, 4)
    problem = propose_from(config, ledger).problem
    metrics = {"val_accuracy": 0.25, **problem.costs.of(architectures[1])}
    done = trained(architectures[1], 7)
    for error in (None, "Traceback: out of memory"):
        ledger.add(
            "repeats",
            architectures[1],
            seed=7 if error is None else 8,
            metrics={} if error else metrics,
            curve=done.curve,
            device_seconds=1.0,
            recipe_id=problem.recipe_id,
            error=error,
        )
    proposals = propose_from(config, Ledger.open(config, run))
    proposed_by(proposals, finish, 1)
    sampler = proposals.study.sampler
    seen: list[Results] = []
    original = sampler.propose

    def propose(results: Results, rng: np.random.Generator) -> Architecture:
        seen.append(results)
        return original(results, rng)

    monkeypatch.setattr(sampler, "propose", propose)
    proposals.propose()
    (repeat,) = seen[0].repeats
    assert repeat.architecture == architectures[1]
    assert repeat.losses == (-0.25, metrics["params"])
    own = seen[0].losses[1, 0]
    assert seen[0].mean_losses[1, 0] == pytest.approx((own - 0.25) / 2)


def test_ctrl_c_while_asking_does_not_use_the_number_up(
    config_of: Callable[..., SearchConfig],
    start: Start,
    in_memory: InMemory,
    propose_from: Begin,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = config_of(name="whole")
    expected = proposed_by(propose_from(whole, in_memory(whole)), finish, 3)
    config = config_of(name="stopped")
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    proposed = proposed_by(proposals, finish, 2)

    def interrupted(architecture: Architecture) -> Costs:
        raise KeyboardInterrupt

    sampler = proposals.study.sampler
    monkeypatch.setattr(sampler, "fits", interrupted)
    with pytest.raises(KeyboardInterrupt):
        proposals.propose()
    proposals = propose_from(config, Ledger.open(config, run))
    assert proposed + proposed_by(proposals, finish, 1) == expected
    assert [row.state for row in Ledger.open(config, run).evaluations()] == ["complete"] * 3


def run_window(
    proposals: HandDriven, finish: Finish, order: Callable[[int], int], trained: int
) -> tuple[list[Architecture], int]:
    """Train with at most two at a time; ``order`` says which running trial ends first.

    Returns:
        The architectures in order of proposal, and how often a free place had to wait.
    """
    proposed: list[Architecture] = []
    running: list[Trial] = []
    waits = 0
    while proposals.trained < trained:
        while len(running) < 2 and len(proposed) < trained:
            if not proposals.may_propose():
                waits += 1
                break
            running.append(proposals.propose())
            proposed.append(running[-1].architecture)
        finish(proposals, running.pop(order(len(running))))
    return proposed, waits


def orders() -> dict[str, Callable[[int], int]]:
    rng = np.random.default_rng(0)
    return {
        "the oldest ends first": lambda running: 0,
        "the newest ends first": lambda running: running - 1,
        "at random": lambda running: int(rng.integers(running)),
    }


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("limit", [None, 2500])
def test_deterministic_searches_do_not_depend_on_who_is_first(
    config_of: Callable[..., SearchConfig],
    in_memory: InMemory,
    propose_from: Begin,
    finish: Finish,
    name: str,
    limit: float | None,
) -> None:
    """Also if a foreign sampler's proposals are rejected in between."""
    proposed = {}
    waits = {}
    for number, (label, order) in enumerate(orders().items()):
        config = config_of(
            name=f"run-{number}",
            sampler=strategy(name),
            limits={"params": limit},
            search={"n_trials": 14, "deterministic": True, "concurrency": 2},
        )
        proposals = propose_from(config, in_memory(config))
        proposed[label], waits[label] = run_window(proposals, finish, order, 14)
    first, *others = proposed.values()
    assert all(other == first for other in others)
    assert waits["the oldest ends first"] == 0
    assert waits["the newest ends first"] > 0


def test_without_deterministic_they_do(
    config_of: Callable[..., SearchConfig], in_memory: InMemory, propose_from: Begin, finish: Finish
) -> None:
    """The test above could fail: otherwise the orders make a difference."""
    proposed = []
    for number, order in enumerate(orders().values()):
        config = config_of(name=f"run-{number}")
        proposals = propose_from(config, in_memory(config))
        architectures, waits = run_window(proposals, finish, order, 14)
        assert waits == 0
        proposed.append(architectures)
    assert proposed[0] != proposed[1]


def test_a_deterministic_search_is_the_same_when_it_is_interrupted(
    config_of: Callable[..., SearchConfig],
    start: Start,
    in_memory: InMemory,
    propose_from: Begin,
    finish: Finish,
) -> None:
    settings = {"n_trials": 10, "deterministic": True, "concurrency": 2}
    limits = {"params": 2500}
    for name in ("pareto_local_search", "nsga2"):
        common: dict[str, Any] = {
            "sampler": strategy(name),
            "search": settings,
            "limits": limits,
        }
        whole = config_of(name=f"whole-{name}", **common)
        expected, _ = run_window(
            propose_from(whole, in_memory(whole)), finish, lambda running: 0, 10
        )
        config = config_of(name=f"stopped-{name}", **common)
        run, ledger = start(config)
        proposals = propose_from(config, ledger)
        running = [proposals.propose() for _ in range(3)]
        finish(proposals, running[1])
        del proposals, ledger
        proposals = propose_from(config, Ledger.open(config, run))
        assert proposals.unfinished == [running[0], running[2]]
        assert not proposals.may_propose()
        for proposal in proposals.unfinished[::-1]:
            finish(proposals, proposal)
        proposed = [p.architecture for p in running]
        assert proposed + proposed_by(proposals, finish, 7) == expected


def test_a_proposal_waits_for_those_whose_results_it_sees(
    config_of: Callable[..., SearchConfig], in_memory: InMemory, propose_from: Begin, finish: Finish
) -> None:
    config = config_of(search={"n_trials": 9, "deterministic": True, "concurrency": 2})
    proposals = propose_from(config, in_memory(config))
    running = []
    while proposals.may_propose():
        running.append(proposals.propose())
    # the next one, number 3, would see the result of number 0
    assert [proposal.number for proposal in running] == [0, 1, 2]
    finish(proposals, running[2])
    finish(proposals, running[1])
    assert not proposals.may_propose()
    proposals.fail(running[0], "Traceback: no")
    assert proposals.may_propose()
    running = []
    while proposals.may_propose():
        running.append(proposals.propose())
    assert [proposal.number for proposal in running] == [3, 4, 5]


def test_without_deterministic_nothing_waits(
    config_of: Callable[..., SearchConfig], in_memory: InMemory, propose_from: Begin
) -> None:
    config = config_of()
    proposals = propose_from(config, in_memory(config))
    for _ in range(5):
        assert proposals.may_propose()
        proposals.propose()


@pytest.mark.parametrize("name", ["nsga2", "tpe"])
def test_a_foreign_proposal_over_budget_is_recorded(
    config_of: Callable[..., SearchConfig],
    start: Start,
    propose_from: Begin,
    finish: Finish,
    costs: Callable[[Architecture], Costs],
    name: str,
) -> None:
    limits = {"params": 2500, "macs": 100_000}
    config = config_of(sampler=strategy(name), limits=limits)
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    proposed_by(proposals, finish, 8)
    rows = ledger.evaluations()
    over = [row for row in rows if row.violation.keys() & limits.keys()]
    assert len(over) > 2
    for row in over:
        assert row.architecture is not None
        cost = costs(row.architecture)
        assert row.state == "fail"
        assert (row.error, row.metrics) == (None, {})
        assert row.violation == {
            limit: getattr(cost, limit)
            for limit, most in limits.items()
            if getattr(cost, limit) > most
        }
    assert proposals.trained == 8
    assert sum(row.state == "complete" for row in rows) == 8
    for limit in limits:
        turned_away = [row for row in over if limit in row.violation]
        entry = proposals.rejections.to_json()[limit]
        assert entry["count"] == len(turned_away)
        assert entry["smallest"] == min(row.violation[limit] for row in turned_away)
        examples = list(dict.fromkeys(row.arch_id for row in turned_away))[:5]
        assert entry["examples"] == examples
    again = propose_from(config, Ledger.open(config, run))
    assert again.rejections.to_json() == proposals.rejections.to_json()
    assert again.trained == 8


def test_a_foreign_proposal_made_before_is_recorded(
    config_of: Callable[..., SearchConfig],
    start: Start,
    propose_from: Begin,
    finish: Finish,
    tiny_description: dict[str, Any],
) -> None:
    config = config_of(space=tiny_description, sampler=strategy("nsga2"))
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    proposed = proposed_by(proposals, finish, 9)
    assert len(set(proposed)) == 9
    rows = ledger.evaluations()
    repeats = [row for row in rows if row.violation]
    assert repeats
    for row in repeats:
        assert row.state == "fail"
        first = int(row.violation["repeats_trial"])
        assert first < row.number
        assert rows[first].architecture == row.architecture
        assert rows[first].state == "complete"
    assert proposals.rejections.to_json() == {}  # no limit turned them away
    again = propose_from(config, Ledger.open(config, run))
    assert again.trained == 9
    assert again.propose().architecture not in proposed


@pytest.mark.parametrize("name", ["nsga2"])
def test_a_foreign_sampler_is_given_up_in_the_end(
    config_of: Callable[..., SearchConfig],
    in_memory: InMemory,
    propose_from: Begin,
    finish: Finish,
    tiny_description: dict[str, Any],
    tiny_space: SearchSpace,
    costs: Callable[[Architecture], Costs],
    name: str,
) -> None:
    smallest = min(costs(a).params for a in tiny_space.architectures())
    common = {"space": tiny_description, "sampler": strategy(name)}

    config = config_of(limits={"params": smallest - 1}, **common)
    proposals = propose_from(config, in_memory(config))
    with pytest.raises(NothingFits) as nothing:
        proposals.propose()
    assert f"{REJECTIONS_IN_A_ROW} were tried" in str(nothing.value)
    assert f"the smallest params seen is {smallest} ({smallest})" in str(nothing.value)

    config = config_of(name="second", limits={"params": smallest}, **common)
    proposals = propose_from(config, in_memory(config))
    (only,) = proposed_by(proposals, finish, 1)
    assert costs(only).params == smallest
    with pytest.raises(SpaceExhausted, match="200 architectures in a row that are over the limits"):
        proposals.propose()


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_space_of_one_architecture_is_exhausted_after_it(
    config_of: Callable[..., SearchConfig],
    in_memory: InMemory,
    propose_from: Begin,
    finish: Finish,
    tiny_description: dict[str, Any],
    name: str,
) -> None:
    stem = tiny_description["stem"][0] | {"width": 4}
    stage = {"depth": 1, "width": 8, "primitive": [{"type": "conv", "kernel": 3}]}
    only = tiny_description | {"stem": [stem], "stages": [stage]}
    config = config_of(space=only, sampler=strategy(name))
    proposals = propose_from(config, in_memory(config))
    assert proposed_by(proposals, finish, 1) == list(space_of(config).architectures())
    with pytest.raises(SpaceExhausted, match="'tiny' has one architecture only"):
        proposals.propose()

    config = config_of(name="second", space=only, sampler=strategy(name), limits={"params": 100})
    proposals = propose_from(config, in_memory(config))
    with pytest.raises(NothingFits, match="the smallest params seen is"):
        proposals.propose()
    assert {trial.state for trial in proposals.study.trials} == {TrialState.FAIL}


@pytest.mark.parametrize("name", ["pareto_local_search", "random"])
def test_own_rejections_are_in_the_ledger_also_when_nothing_fits(
    config_of: Callable[..., SearchConfig],
    start: Start,
    propose_from: Begin,
    tiny_description: dict[str, Any],
    name: str,
) -> None:
    config = config_of(space=tiny_description, sampler=strategy(name), limits={"params": 100})
    run, ledger = start(config)
    with pytest.raises(NothingFits, match="12 were tried"):
        propose_from(config, ledger).propose()
    ledger = Ledger.open(config, run)
    assert [trial.state for trial in ledger.study("search").trials] == [TrialState.FAIL]
    assert ledger.evaluations() == []
    assert propose_from(config, ledger).rejections.to_json()["params"]["count"] == 12


def test_trained_counts_results_alone(
    config_of: Callable[..., SearchConfig], start: Start, propose_from: Begin, finish: Finish
) -> None:
    config = config_of()
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    made = [proposals.propose() for _ in range(5)]
    assert proposals.trained == 0
    finish(proposals, made[0])
    proposals.fail(made[1], "Traceback: no")
    proposals.reject(made[2], {"latency_ms": 7.5})
    finish(proposals, made[4])
    assert proposals.trained == 2
    assert proposals.unfinished == [made[3]]
    states = [row.state for row in ledger.evaluations()]
    assert states == ["complete", "fail", "fail", "running", "complete"]
    assert propose_from(config, Ledger.open(config, run)).trained == 2


def test_a_failure_keeps_the_traceback(
    config_of: Callable[..., SearchConfig], start: Start, propose_from: Begin
) -> None:
    config = config_of()
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    proposal = proposals.propose()
    try:
        int("no number: µ")
    except ValueError as error:
        text = traceback_of(error)
    text += "\n" + "long " * 20_000
    proposals.fail(proposal, text)
    (row,) = Ledger.open(config, run).evaluations()
    assert row.error == text
    assert "test_a_failure_keeps_the_traceback" in text
    assert "ValueError: invalid literal for int() with base 10: 'no number: µ'" in text
    assert (row.state, row.architecture) == ("fail", proposal.architecture)


def test_a_measured_rejection_is_recorded(
    config_of: Callable[..., SearchConfig], start: Start, propose_from: Begin
) -> None:
    config = config_of(limits={"latency_ms": 5})
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    slow = [proposals.propose() for _ in range(2)]
    for proposal, latency_ms in zip(slow, (7.5, 6.0), strict=True):
        proposals.reject(proposal, {"latency_ms": latency_ms})
    rows = Ledger.open(config, run).evaluations()
    assert [row.violation for row in rows] == [{"latency_ms": 7.5}, {"latency_ms": 6.0}]
    again = propose_from(config, Ledger.open(config, run))
    assert again.rejections.to_json() == {
        "latency_ms": {
            "count": 2,
            "smallest": 6.0,
            "examples": [proposal.architecture.arch_id for proposal in slow],
        }
    }


def test_a_proposal_says_what_it_is(
    config_of: Callable[..., SearchConfig], start: Start, propose_from: Begin
) -> None:
    config = config_of(seed=17)
    _, ledger = start(config)
    proposal = propose_from(config, ledger).propose()
    (trial,) = ledger.study("search").get_trials(states=(TrialState.RUNNING,))
    space = space_of(config)
    assert space.from_params(trial.params) == proposal.architecture
    assert trial.user_attrs["arch_id"] == proposal.architecture.arch_id
    assert trial.user_attrs["description"] == str(proposal.architecture)
    assert trial.user_attrs["seed"] == 17
    assert Architecture.from_json(trial.user_attrs["architecture"]) == proposal.architecture
