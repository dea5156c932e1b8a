"""Rounds of repeats: their purpose and their number of trainings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nas.config.search_config import SearchConfig
from nas.search.repeats import Round, unfinished_round
from nas.storage.evaluation import Evaluation
from search_space.architecture import Architecture, Task
from search_space.space import SearchSpace
from tests.hand_driven import problem_from
from tests.nas.storage.test_candidates import row as evaluation


def row(architecture: Architecture, accuracy: float, **changes: Any) -> Evaluation:
    metrics = {"val_accuracy": accuracy, "params": 100.0, "macs": 100.0}
    return evaluation(architecture, metrics, **{"seed": 3} | changes)


def test_a_round_follows_where_the_front_has_moved(
    config_of: Callable[..., SearchConfig], small_space: SearchSpace, task: Task
) -> None:
    config = config_of(search={"n_trials": 2, "finalist_seeds": 3, "noise_candidates": 0})
    problem = problem_from(config, task)
    lucky, other = list(small_space.architectures())[:2]
    trained = [row(lucky, 0.9), row(other, 0.8, number=1)]
    one, two = config.fresh_seeds
    assert unfinished_round(problem, trained, []) == Round(1, 2, [(lucky, one), (lucky, two)])

    repeated = [row(lucky, 0.5, kind="repeats", seed=one)]
    assert unfinished_round(problem, trained, repeated) == Round(1, 2, [(lucky, two)])

    # its mean is 0.63 now, and the other one is the front
    repeated.append(row(lucky, 0.5, kind="repeats", seed=two))
    assert unfinished_round(problem, trained, repeated) == Round(2, 2, [(other, one), (other, two)])

    repeated += [row(other, 0.8, kind="repeats", seed=seed) for seed in (one, two)]
    assert unfinished_round(problem, trained, repeated) == Round(2, 2, [])
