"""The computation of 2-D relative attention, apart from the modules that use it."""

from search_space.attention.backends import backend, preferred_on, record_calls
from search_space.attention.operators import (
    AttentionInputs,
    block_attention,
    global_attention,
    local_attention,
)

__all__ = [
    "AttentionInputs",
    "backend",
    "block_attention",
    "global_attention",
    "local_attention",
    "preferred_on",
    "record_calls",
]
