"""Costs of an architecture: in closed form, by tracing, and by measuring.

May import only :mod:`search_space.networks` and the layers below it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search_space.cost.network import Costs, PartCosts, network_costs, peak_memory_bytes
    from search_space.counts import Counts
    from search_space.tracing.counts import count_module

_MODULES = {
    "Costs": "search_space.cost.network",
    "PartCosts": "search_space.cost.network",
    "network_costs": "search_space.cost.network",
    "peak_memory_bytes": "search_space.cost.network",
    "Counts": "search_space.counts",
    "count_module": "search_space.tracing.counts",
}

__all__ = [
    "Costs",
    "Counts",
    "PartCosts",
    "count_module",
    "network_costs",
    "peak_memory_bytes",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import what is exported when it is asked for: most of it needs PyTorch."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)
