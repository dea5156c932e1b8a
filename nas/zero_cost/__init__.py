"""Scores of untrained networks, from one batch or from the weights alone.

May import only :mod:`nas.costs` and the layers below it.

Larger is meant to be better. ``params`` and ``macs`` are the baselines that the others must beat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan

import torch
from torch import nn

from nas.errors import ScoreError
from nas.zero_cost.batch import Batch, batch_of
from nas.zero_cost.grad_norm import grad_norm
from nas.zero_cost.jacob_cov import jacob_cov
from nas.zero_cost.naswot import naswot
from nas.zero_cost.synflow import synflow
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.nearest import hint
from search_space.networks import build
from trainers.randomness import seeded

NETWORK_SCORES: dict[str, Callable[[nn.Module, Batch], float]] = {
    "synflow": synflow,
    "naswot": naswot,
    "jacob_cov": jacob_cov,
    "grad_norm": grad_norm,
}

BASELINES = ("params", "macs")

SCORES = (*NETWORK_SCORES, *BASELINES)


def zero_cost_scores(
    architecture: Architecture, task: Task, batch: Batch, names: Sequence[str], *, seed: int
) -> dict[str, float]:
    """Return the scores of an architecture by name; torch's generators keep their states.

    A recipe's ``zero_init_residual`` is ignored: residual branches start with random weights, since
    no signal or gradient flows through branches of zero.

    Args:
        architecture: the network to score.
        task: of ``batch``.
        batch: on the CPU.
        names: of the scores, among ``SCORES``.
        seed: of the initial weights.

    Raises:
        ScoreError: the network has no such score, or it is not a number (float64 overflowed).
        ValueError: there is no such score, or the architecture cannot take the task's images.
    """
    check_names(names)
    model = build(architecture, task, seed=seed)
    costs = network_costs(architecture, task)
    scores = {}
    for name in names:
        if name in BASELINES:
            scores[name] = float(getattr(costs, name))
            continue
        with seeded(seed, torch.device("cpu")):  # a user's own layers may draw random numbers
            scores[name] = NETWORK_SCORES[name](model, batch)
        if isnan(scores[name]):
            raise ScoreError(f"{name} of {architecture.arch_id} ({architecture}) is not a number")
    return scores


def check_names(names: Sequence[str]) -> None:
    """Check that these are names of scores, each once.

    Raises:
        ValueError: one is not, or is named twice.
    """
    for name in names:
        if name not in SCORES:
            raise ValueError(f"no score is called {name!r}; {hint(name, SCORES)}")
    if len(set(names)) < len(names):
        raise ValueError(f"each score may be named once, got {', '.join(names)}")


__all__ = [
    "BASELINES",
    "NETWORK_SCORES",
    "SCORES",
    "Batch",
    "ScoreError",
    "batch_of",
    "check_names",
    "grad_norm",
    "jacob_cov",
    "naswot",
    "synflow",
    "zero_cost_scores",
]
