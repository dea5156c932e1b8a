"""Candidates with invented accuracies; only their architectures and costs are real."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from nas.storage.candidates import Candidate
from nas.storage.evaluation import Evaluation
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.space import SearchSpace

SPACE = SearchSpace.from_yaml(Path(__file__).parents[2] / "configs" / "spaces" / "digits.yaml")
TASK = Task(dataset="digits", input_shape=(1, 8, 8), classes=10)


@cache
def architectures(wanted: int) -> tuple[Architecture, ...]:
    """Distinct ones, always the same."""
    distinct: dict[Architecture, None] = {}
    for seed in count():
        distinct.setdefault(SPACE.sample(np.random.default_rng(seed)))
        if len(distinct) == wanted:
            return tuple(distinct)
    raise AssertionError


def candidate(
    index: int,
    accuracy: float | None = None,
    params: float | None = None,
    *,
    n: int = 1,
    deviation: float | None = None,
    **metrics: float,
) -> Candidate:
    """The one with architecture ``index``; metrics that are None are not measured.

    It has ``n`` fresh evaluations if it has a deviation, and is valued as found if not.
    """
    given: Mapping[str, float | None] = {"val_accuracy": accuracy, "params": params, **metrics}
    measured = {name: value for name, value in given.items() if value is not None}
    return invented(architectures(index + 1)[index], measured, n=n, deviation=deviation)


def invented(
    architecture: Architecture,
    metrics: Mapping[str, float],
    *,
    n: int = 1,
    deviation: float | None = None,
    as_found: float | None = None,
    choice: Mapping[str, float] | None = None,
) -> Candidate:
    """A candidate valued by ``n`` fresh evaluations if it has a deviation, or else as found."""
    is_fresh = deviation is not None
    accuracy_as_found = metrics.get("val_accuracy") if as_found is None else as_found
    evaluations = n + 1 if is_fresh else 1
    return Candidate(
        architecture,
        metrics,
        choice=metrics if choice is None else choice,
        n=n,
        is_fresh=is_fresh,
        deviation=deviation,
        as_found=accuracy_as_found,
        evaluations=evaluations,
        device_seconds=2.5 * evaluations,
    )


def evaluation(index: int, accuracy: float | None, **changes: Any) -> Evaluation:
    """A search's row of architecture ``index``; without an accuracy it was pruned."""
    row: dict[str, Any] = {
        "kind": "search",
        "number": index,
        "state": "pruned" if accuracy is None else "complete",
        "network": architectures(index + 1)[index],
        "seed": 0,
        "recipe_id": "proxy",
        "metrics": {} if accuracy is None else {"val_accuracy": accuracy},
        "curve": [],
        "device_seconds": 1.0,
        "error": None,
        "violation": {},
        "started": None,
        "finished": None,
    }
    return Evaluation(**row | changes)


@cache
def search_of(wanted: int) -> tuple[Candidate, ...]:
    """Candidates that a search of the digits' space might find; some have three evaluations."""
    rng = np.random.default_rng(7)
    candidates = []
    for index, architecture in enumerate(architectures(wanted)):
        costs = network_costs(architecture, TASK)
        accuracy = 0.985 - 0.16 * (costs.params / 1500) ** -0.9 - abs(rng.normal(0, 0.012))
        deviation = float(rng.uniform(0.002, 0.008)) if index % 2 else None
        metrics = {
            "val_accuracy": float(accuracy),
            "params": float(costs.params),
            "macs": float(costs.macs),
            "activations": float(costs.activations),
            "latency_ms": 0.4 + costs.activations / 40_000 + float(rng.uniform(0, 0.1)),
        }
        n = 3 if deviation else 1
        candidates.append(
            invented(architecture, metrics, n=n, deviation=deviation, as_found=accuracy + 0.012)
            if deviation
            else invented(architecture, metrics)
        )
    return tuple(candidates)
