"""The names of the samplers, which configurations check without importing one.

:mod:`nas.samplers.registry` has the sampler of each name.
"""

from __future__ import annotations

OWN_SAMPLERS = ("default", "pareto_local_search", "aging_evolution", "random", "grid")
"""This project's samplers."""

OPTUNAS_SAMPLERS = ("nsga2", "tpe")
"""Optuna's samplers."""

SAMPLERS = (*OWN_SAMPLERS, *OPTUNAS_SAMPLERS)

EXPECT_GROWTH = ("default",)
"""Samplers that predict results, and so know the growth that their proposals are expected to bring.
"""

NEED_NO_FINISHED = ("default", "random", "grid")
"""Samplers that need no finished trial: the first uses losses at rungs, the others no results."""
