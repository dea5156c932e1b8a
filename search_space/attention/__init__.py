"""The computation of 2-D relative attention, apart from the modules that use it."""

from search_space.attention.operators import (
    AttentionInputs,
    block_attention,
    global_attention,
    local_attention,
)
from search_space.attention.registration import local_implementation

__all__ = [
    "AttentionInputs",
    "block_attention",
    "global_attention",
    "local_attention",
    "local_implementation",
]
