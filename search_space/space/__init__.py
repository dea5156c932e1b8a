"""Search spaces: what can be chosen, in which order, and the architectures that follow."""

from search_space.space.search_space import SearchSpace

__all__ = ["SearchSpace"]
