"""2-D relative attention as functions of tensors: one interface, several implementations.

May import only :mod:`search_space.tracing` and the layers below it.
"""

from search_space.attention.backends import (
    backend,
    exportable,
    is_exportable,
    preferred_on,
    record_calls,
)
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
    "exportable",
    "global_attention",
    "is_exportable",
    "local_attention",
    "preferred_on",
    "record_calls",
]
