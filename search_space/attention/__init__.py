"""The computation of 2-D relative attention, apart from the modules that use it."""

from search_space.attention.operators import global_attention, local_attention, local_implementation

__all__ = ["global_attention", "local_attention", "local_implementation"]
