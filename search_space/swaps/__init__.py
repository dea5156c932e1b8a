"""Paired swaps: an architecture with one part exchanged, at equal parameters where possible.

They are the pairs of an ablation: what does attention in this stage, the stem's attention, the
encoding of positions or the extent contribute to a network?

May import only :mod:`search_space.baseline` and the layers below it.
"""

from search_space.swaps.stage_swaps import NEAR
from search_space.swaps.swap import Swap, paired_swaps

__all__ = ["NEAR", "Swap", "paired_swaps"]
