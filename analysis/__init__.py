"""Reading the results of a search: fronts and queries, tables, plots.

May import ``search_space``, and ``nas`` up to :mod:`nas.latency`; only ``nas.cli`` imports it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.runs import Front, LoadedRun, frontier, load_run

_MODULES = dict.fromkeys(("Front", "LoadedRun", "frontier", "load_run"), "analysis.runs")

__all__ = ["Front", "LoadedRun", "frontier", "load_run"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import what is exported when it is asked for: pictures and tables do without it."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)
