"""Costs of an architecture: in closed form, by tracing, and by measuring.

May import only :mod:`search_space.networks` and the layers below it.
"""

from search_space.cost.network import Costs, PartCosts, network_costs, peak_memory_bytes
from search_space.counts import Counts
from search_space.tracing.counts import count_module

__all__ = [
    "Costs",
    "Counts",
    "PartCosts",
    "count_module",
    "network_costs",
    "peak_memory_bytes",
]
