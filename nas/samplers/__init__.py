"""Search strategies by name, each an Optuna sampler.

May import only :mod:`nas.zero_cost` and the layers below it, and no PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.samplers.aging_evolution import AgingEvolutionSampler
    from nas.samplers.architecture_sampler import ArchitectureSampler
    from nas.samplers.bayesian_optimization import BayesianOptimizationSampler
    from nas.samplers.grid import GridSampler
    from nas.samplers.names import SAMPLERS
    from nas.samplers.pareto_local_search import ParetoLocalSearchSampler
    from nas.samplers.random_search import RandomSampler
    from nas.samplers.registry import (
        ARCHITECTURE_SAMPLERS,
        OPTUNA_SAMPLERS,
        build_sampler,
    )

_MODULES = {
    "AgingEvolutionSampler": "nas.samplers.aging_evolution",
    "ArchitectureSampler": "nas.samplers.architecture_sampler",
    "BayesianOptimizationSampler": "nas.samplers.bayesian_optimization",
    "GridSampler": "nas.samplers.grid",
    "ParetoLocalSearchSampler": "nas.samplers.pareto_local_search",
    "RandomSampler": "nas.samplers.random_search",
    "ARCHITECTURE_SAMPLERS": "nas.samplers.registry",
    "OPTUNA_SAMPLERS": "nas.samplers.registry",
    "SAMPLERS": "nas.samplers.names",
    "build_sampler": "nas.samplers.registry",
}

__all__ = [
    "ARCHITECTURE_SAMPLERS",
    "OPTUNA_SAMPLERS",
    "SAMPLERS",
    "AgingEvolutionSampler",
    "ArchitectureSampler",
    "BayesianOptimizationSampler",
    "GridSampler",
    "ParetoLocalSearchSampler",
    "RandomSampler",
    "build_sampler",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import what is exported when it is asked for: most of it needs Optuna and SciPy."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)
