"""Further seeds that a user asked for: the plan, and a search that trains it and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.evaluation.evaluate import EvaluationResult
from nas.search.further_seeds import FURTHER_SEEDS, FurtherSeed, next_seeds, plan_in
from search_space.architecture import Architecture, Task
from search_space.space import SearchSpace
from tests.hand_driven import ledger_in_memory, search_of
from tests.nas.search.test_repeats import row


def test_the_next_seeds_are_those_that_were_not_used(small_space: SearchSpace) -> None:
    one, other = list(small_space.architectures())[:2]
    repeated = [
        row(one, 0.5, kind="repeats", seed=4),
        row(one, 0.5, kind="repeats", seed=6),
        row(other, 0.5, kind="repeats", seed=5),
    ]
    assert [each.seed for each in next_seeds(one, 3, 3, repeated)] == [5, 7, 8]
    assert next_seeds(other, 1, 3, repeated) == [FurtherSeed(other.arch_id, 4)]


def test_a_damaged_plan_is_told() -> None:
    assert plan_in({}) == []
    with pytest.raises(RunError, match=r"further_seeds in the ledger is damaged: 0\.seed"):
        plan_in({FURTHER_SEEDS: [{"arch_id": "a", "seed": "two"}]})


def test_a_search_trains_the_plan_alone_whatever_its_budget(
    config_of: Callable[..., SearchConfig], task: Task
) -> None:
    settings = {"n_trials": 2, "finalist_seeds": 1, "noise_candidates": 0, "concurrency": 1}
    ledger = ledger_in_memory(config_of(search=settings))
    config = config_of(search={**settings, "n_trials": 3, "max_hours": 1e-9})

    def trained(search_config: SearchConfig) -> list[tuple[str, Architecture, int]]:
        search = search_of(search_config, ledger, task)
        jobs = []
        while (job := search.next_job()) is not None:
            jobs.append((job.kind, job.architecture, job.seed))
            search.completed(job, EvaluationResult({"val_accuracy": 0.5}, [], 1.0))
        assert search.finished
        assert search.trains_only_asked == (jobs[:1] != [] and jobs[0][0] == "repeats")
        return jobs

    first = trained(config_of(search=settings))
    assert [kind for kind, *_ in first] == ["search", "search"]
    architecture = first[0][1]
    plan = next_seeds(architecture, 2, config.seed, [])
    write = partial(
        ledger.study("search").set_user_attr, FURTHER_SEEDS, [each._asdict() for each in plan]
    )
    ledger.transact(write)
    # A third trial is asked for, and the budget is spent.
    assert trained(config) == [("repeats", architecture, each.seed) for each in plan]
    assert trained(config) == []
