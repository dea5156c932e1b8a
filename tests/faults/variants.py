"""The searches that faults are injected into: small, deterministic, of several kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.end_to_end.tiny_search import SEARCH

NAME = "faults"
"""The name of every run."""

SPACE: dict[str, Any] = {
    "name": "faults",
    "expansion": 2,
    "stem": [{"type": "conv", "kernel": 3, "stride": 2, "pool": False, "width": [4, 8]}],
    "stages": [
        {
            "stride": 1,
            "depth": 1,
            "width": [4, 8],
            "primitive": [
                {
                    "type": "tests.faults.ordered_primitive:Ordered",
                    "kernel": [1, 3, 5],
                    "variant": [0, 1, 2],
                }
            ],
        }
    ],
}

EPOCHS = 60

RECIPE = {"epochs": EPOCHS, "batch_size": 50, "learning_rate": 0.05, "evaluate_every_epochs": 10}

RETRAIN_RECIPE = RECIPE | {"epochs": 600}


SEARCH_SECTION = {
    "n_trials": 12,
    "finalist_seeds": 2,
    "noise_candidates": 1,
    "deterministic": True,
    "concurrency": 2,
}

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "short": {
        "search": SEARCH_SECTION | {"n_trials": 6, "finalist_seeds": 1, "noise_candidates": 0},
    },
    "without repeats": {
        "search": SEARCH_SECTION | {"finalist_seeds": 1, "noise_candidates": 0},
    },
    "stopping": {
        "search": SEARCH_SECTION | {"concurrency": 1},
        "scheduler": {"name": "asha", "type": "stopping", "min_epochs": 10},
    },
    "rung by rung": {
        "sampler": {"name": "random"},
        "scheduler": {"name": "asha", "type": "rung_by_rung", "min_epochs": 20},
    },
}
"""The sections of each deterministic search that differ from the plain one's."""


def trials_of(variant: str) -> int:
    """Return how many architectures a variant's search trains."""
    trials: int = (SEARCH_SECTION | VARIANTS[variant].get("search", {}))["n_trials"]
    return trials


def configuration(
    variant: str,
    *,
    storage: str | None = None,
    address: str | None = None,
    search: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a configuration file's content.

    Args:
        variant: a key of :data:`VARIANTS`.
        storage: the ledger's URL.
        address: the Ray cluster's.
        search: further settings of the section ``search``, which do not change the result.
    """
    plain = {
        "name": NAME,
        "space": SPACE,
        "search": SEARCH_SECTION,
        "proxy": RECIPE,
        "retrain": RETRAIN_RECIPE,
        "storage": storage,
        "ray": {"address": address},
    }
    sections = SEARCH | plain | VARIANTS[variant]
    return sections | {"search": sections["search"] | dict(search or {})}
