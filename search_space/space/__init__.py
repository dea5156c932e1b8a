"""Search spaces: their parameters, in order, and the architectures that these describe.

May import only :mod:`search_space.architecture` and the layers below it: no networks, no costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_space.space.search_space import SearchSpace

__all__ = ["SearchSpace"]


def __getattr__(name: str) -> Any:
    """Import ``SearchSpace`` when it is asked for: it needs PyTorch, which samplers do without."""
    if name != "SearchSpace":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from search_space.space.search_space import SearchSpace  # noqa: PLC0415

    return SearchSpace
