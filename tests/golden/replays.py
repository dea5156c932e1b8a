"""Scenarios: replays on the table that ships, 480 architectures of 8 epochs, evaluated every 2."""

from __future__ import annotations

from typing import NamedTuple

QUICK = {
    "default": "default:initial_trials=6",
    "pareto_local_search": "pareto_local_search:initial_trials=6",
    "aging_evolution": "aging_evolution:population_size=8:tournament_size=3",
    "random": "random",
    "grid": "grid",
    "nsga2": "nsga2:population_size=6",
    "tpe": "tpe:n_startup_trials=6",
}
"""Every sampler, with options by which results guide it soon."""

RULES = {
    "stopping": "asha",
    "stopping_by_half": "asha:reduction_factor=2",
    "stopping_even": "asha:spacing=even:reduction_factor=1.5",
    "promotion": "asha:type=promotion",
    "promotion_soon": "asha:type=promotion:min_epochs=4:reduction_factor=2",
    "promotion_even": "asha:type=promotion:spacing=even:reduction_factor=1.5",
    "rung_by_rung": "asha:type=rung_by_rung",
}
"""Every rule of successive halving, by what its scenarios are called."""


class ReplayScenario(NamedTuple):
    """One replay, as ``nas benchmark`` names its parts."""

    name: str
    sampler: str
    scheduler: str = "none"
    budget: int = 24
    workers: int = 1
    seed: int = 0
    minimise: str = "params"


def _of(sampler: str, rule: str = "", **more: int) -> ReplayScenario:
    workers = more.get("workers", 1)
    parts = ["replay", sampler, *([rule] if rule else []), *(["4"] if workers == 4 else [])]
    return ReplayScenario("-".join(parts), QUICK[sampler], RULES.get(rule, "none"), **more)


REPLAYS = [
    *(_of(sampler) for sampler in QUICK),
    *(_of(sampler, workers=4) for sampler in ("default", "aging_evolution", "nsga2", "tpe")),
    *(_of("random", rule, budget=30) for rule in RULES),
    *(_of("random", rule, budget=30, workers=4) for rule in RULES),
    *(_of("default", rule, workers=4) for rule in RULES),
    *(_of("default", rule, budget=16) for rule in ("stopping", "promotion")),
    *(
        _of(sampler, rule, workers=4)
        for sampler in ("pareto_local_search", "aging_evolution", "grid", "nsga2", "tpe")
        for rule in ("stopping", "promotion_soon")
    ),
    ReplayScenario("replay-nsga2-repeats", "nsga2:population_size=4:mutation_prob=0.0", budget=40),
    ReplayScenario("replay-default-macs", QUICK["default"], minimise="macs", seed=1),
]
