"""Scenarios: searches of a small space, as sections of a search's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .replays import QUICK

SPACE: dict[str, Any] = {
    "name": "golden",
    "block": "basic",
    "expansion": 1,
    "stem": [{"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": [4, 8]}],
    "stages": [
        {
            "depth": [1, 2],
            "width": [4, 8],
            "primitive": [
                {"type": "conv", "kernel": [1, 3]},
                {"type": "local_attention", "extent": [3, 5], "heads": [1, 2]},
            ],
        },
        {
            "depth": 1,
            "width": [8, 16],
            "stride": 2,
            "primitive": [
                {"type": "conv", "kernel": [1, 3]},
                {
                    "type": "augmented_conv",
                    "kappa": 0.5,
                    "upsilon": [0.25, 0.5],
                    "heads": 2,
                    "min_key_depth_per_head": 2,
                },
            ],
        },
    ],
}
"""384 architectures of all three primitives; some parameters exist under conditions alone."""

TINY_SPACE: dict[str, Any] = {
    "name": "twelve",
    "block": "basic",
    "expansion": 1,
    "stem": SPACE["stem"],
    "stages": [{"depth": [1, 2, 3], "width": 8, "primitive": [{"type": "conv", "kernel": [1, 3]}]}],
}

PAPERS_SPACE = Path(__file__).parents[2] / "configs" / "spaces" / "wide_resnet_cifar.yaml"
"""Holds networks of the papers, for images as CIFAR's."""

RECIPE = {"batch_size": 16, "learning_rate": 0.1}

BASE: dict[str, Any] = {
    "name": "golden",
    "seed": 4,
    "space": SPACE,
    "data": {"name": "digits", "train_images": 100, "validation_images": 100},
    "objectives": ["val_accuracy", "params"],
    "sampler": {"name": "random"},
    "search": {"n_trials": 20, "finalist_seeds": 1, "noise_candidates": 0},
    "proxy": RECIPE | {"epochs": 2},
    "retrain": RECIPE | {"epochs": 2},
}

ONE = {"objectives": ["val_accuracy"]}
THREE = {"objectives": ["val_accuracy", "params", "macs"]}

LONGER = {"proxy": RECIPE | {"epochs": 9}}

RULES: dict[str, dict[str, Any]] = {
    "stopping": LONGER | {"scheduler": {"name": "asha", "type": "stopping"}},
    "stopping_even": {
        "proxy": RECIPE | {"epochs": 8, "evaluate_every_epochs": 2},
        "scheduler": {
            "name": "asha",
            "type": "stopping",
            "spacing": "even",
            "reduction_factor": 1.5,
        },
    },
    "promotion": LONGER | {"scheduler": {"name": "asha", "type": "promotion"}},
    "promotion_soon": LONGER
    | {"scheduler": {"name": "asha", "type": "promotion", "min_epochs": 3, "reduction_factor": 2}},
    "promotion_even": {
        "proxy": RECIPE | {"epochs": 8, "evaluate_every_epochs": 2},
        "scheduler": {
            "name": "asha",
            "type": "promotion",
            "spacing": "even",
            "reduction_factor": 1.5,
        },
    },
    "rung_by_rung": LONGER | {"scheduler": {"name": "asha", "type": "rung_by_rung"}},
}
"""Every rule of successive halving: rungs after 1 and 3 of 9 epochs; or 2, 4 and 6 of 8.

With ``promotion_soon`` they are after 3 and 6 of 9: some trials end early in the search, and
guide samplers that learn from finished ones alone.
"""

OPTIONS: dict[str, dict[str, Any]] = {
    "default": {"initial_trials": 5},
    "pareto_local_search": {"initial_trials": 3},
    "aging_evolution": {"population_size": 3, "tournament_size": 2},
    "random": {},
    "grid": {},
    "nsga2": {"population_size": 4},
    "tpe": {"n_startup_trials": 6, "n_ei_candidates": 2},
}
assert OPTIONS.keys() == QUICK.keys()


class SearchScenario(NamedTuple):
    """One search."""

    name: str
    settings: Mapping[str, Any]  # sections that replace those of BASE
    workers: int = 1
    interruptions: tuple[int, ...] = ()  # a driver dies when so many of its jobs have ended
    fails: bool = False  # some trainings raise
    meter_fails: bool = False  # some networks cannot be measured
    warm_start: str = ""  # "papers": the papers' networks; "told": a front and results
    dataset: str = "digits"  # or "cifar100", for the task's images

    @property
    def on_disk(self) -> bool:
        """Whether the ledger is a SQLite file; else it is in memory, which is much faster."""
        return bool(self.interruptions)


def _sampler(name: str) -> dict[str, Any]:
    return {"sampler": {"name": name, "options": OPTIONS[name]}}


def _budget(trials: int, **more: Any) -> dict[str, Any]:
    return {"search": BASE["search"] | {"n_trials": trials} | more}


REPEATS = _budget(10, finalist_seeds=3, noise_candidates=2)
RESUMED = _budget(10, finalist_seeds=2, noise_candidates=2)
LATENCY = {"latency": {"candidates_per_batch": 5}}

SEARCHES = [
    # every sampler, with one objective and with two
    *(SearchScenario(f"search-{name}-one", ONE | _sampler(name)) for name in OPTIONS),
    *(SearchScenario(f"search-{name}-4", _sampler(name), workers=4) for name in OPTIONS),
    # limits on what is known without training, and three objectives
    *(
        SearchScenario(
            f"search-{name}-limits",
            _sampler(name) | THREE | {"limits": {"params": "4k", "macs": "120k"}},
            workers=4,
        )
        for name in ("default", "random", "nsga2", "tpe")
    ),
    SearchScenario("search-random-nothing_fits", {"limits": {"params": 10}}),
    SearchScenario("search-grid-exhausted", {"space": TINY_SPACE} | _budget(20) | _sampler("grid")),
    SearchScenario(
        "search-random-promotion-exhausted",
        RULES["promotion"] | {"space": TINY_SPACE} | _budget(20),
        workers=4,
    ),
    # every rule, with one objective and with two
    *(
        SearchScenario(f"search-random-{rule}-one", _budget(24) | RULES[rule] | ONE)
        for rule in RULES
    ),
    *(
        SearchScenario(f"search-random-{rule}-one-4", _budget(24) | RULES[rule] | ONE, workers=4)
        for rule in RULES
    ),
    *(
        SearchScenario(f"search-random-{rule}", _budget(24) | RULES[rule])
        for rule in ("stopping", "promotion", "rung_by_rung")
    ),
    *(
        SearchScenario(f"search-random-{rule}-4", _budget(24) | RULES[rule], workers=4)
        for rule in RULES
    ),
    *(
        SearchScenario(f"search-default-{rule}-4", _sampler("default") | RULES[rule], workers=4)
        for rule in ("stopping", "promotion", "rung_by_rung")
    ),
    *(
        SearchScenario(
            f"search-{name}-{rule}-4", _budget(24) | _sampler(name) | RULES[rule], workers=4
        )
        for name in ("pareto_local_search", "aging_evolution", "nsga2", "tpe")
        for rule in ("stopping", "promotion_soon")
    ),
    # repeats of the front, and trainings that fail
    SearchScenario("search-random-repeats", REPEATS),
    SearchScenario("search-default-repeats-4", REPEATS | _sampler("default"), workers=4),
    SearchScenario("search-random-failures-4", REPEATS, workers=4, fails=True),
    *(
        SearchScenario(
            f"search-random-{rule}-failures{suffix}",
            REPEATS | RULES[rule],
            workers=workers,
            fails=True,
        )
        for rule in ("stopping", "promotion", "rung_by_rung")
        for suffix, workers in (("", 1), ("-4", 4))
    ),
    SearchScenario(
        "search-random-too_many_failures", LONGER | _budget(30, max_failures=2), fails=True
    ),
    # measured latency as an objective or a limit
    SearchScenario(
        "search-random-latency-4",
        LATENCY | REPEATS | {"objectives": ["val_accuracy", "latency_ms"]},
        workers=4,
    ),
    *(
        SearchScenario(
            f"search-{name}-latency_limit-4",
            LATENCY | REPEATS | _sampler(name) | {"limits": {"latency_ms": 4.0, "params": "6k"}},
            workers=4,
            meter_fails=True,
        )
        for name in ("default", "random", "tpe")
    ),
    *(
        SearchScenario(
            f"search-random-{rule}-latency-4",
            LATENCY
            | RULES[rule]
            | {"objectives": ["val_accuracy", "latency_ms"], "limits": {"latency_ms": 6.0}},
            workers=4,
        )
        for rule in ("stopping", "promotion", "rung_by_rung")
    ),
    SearchScenario(
        "search-default-weighed_latency",
        _sampler("default")
        | {"latency": {"candidates_per_batch": 5, "target_ms": 5.0, "exponent_over": -1.0}}
        | {"objectives": ["val_accuracy_by_latency"]},
    ),
    # deterministic on four workers
    *(
        SearchScenario(
            f"search-{name}-deterministic-4",
            _sampler(name) | _budget(14, concurrency=4, deterministic=True),
            workers=4,
        )
        for name in ("default", "aging_evolution", "nsga2")
    ),
    # drivers that die while trials run and wait, some while repeats run too
    SearchScenario(
        "search-aging_evolution-interrupted-4",
        RESUMED | _sampler("aging_evolution"),
        workers=4,
        interruptions=(7,),
    ),
    SearchScenario(
        "search-default-deterministic-interrupted-4",
        _sampler("default") | _budget(10, concurrency=4, deterministic=True),
        workers=4,
        interruptions=(6,),
    ),
    *(
        SearchScenario(
            f"search-random-{rule}{suffix}-interrupted-4",
            RESUMED | RULES[rule] | objectives,
            workers=4,
            interruptions=deaths,
            fails=True,
        )
        for rule, suffix, objectives, deaths in (
            ("stopping", "", {}, (5, 8)),
            ("stopping", "-one", ONE, (6,)),
            ("promotion", "", {}, (9,)),
            ("rung_by_rung", "", {}, (11,)),
        )
    ),
    SearchScenario(
        "search-random-latency_limit-interrupted-4",
        LATENCY
        | _budget(7, finalist_seeds=2, noise_candidates=1)
        | {"limits": {"latency_ms": 6.0}},
        workers=4,
        interruptions=(2, 4),
    ),
    # what is known before the first proposal
    SearchScenario(
        "search-random-papers_first",
        {"sampler": {"name": "random", "papers_first": True}}
        | {"space": PAPERS_SPACE}
        | _budget(6),
        warm_start="papers",
        dataset="cifar100",
    ),
    *(
        SearchScenario(f"search-{name}-told-4", _sampler(name), workers=4, warm_start="told")
        for name in ("default", "pareto_local_search", "random")
    ),
]

ON_RAY = [
    scenario
    for scenario in SEARCHES
    if scenario.name
    in (
        "search-random-repeats",
        "search-random-stopping-one",
        "search-random-stopping-failures",
        "search-random-promotion-failures",
        "search-random-rung_by_rung-failures",
    )
]
"""With one worker, whose order of reports is certain."""
