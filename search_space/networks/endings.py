"""The parts behind the stages: the end of a classifier, or a detector's pyramid and heads."""

from __future__ import annotations

from search_space.counts import NO_COUNTS, Counts, TrainingBytes
from search_space.networks.detection.heads import OFFSETS, head_counts, heads_bytes
from search_space.networks.detection.plan import DetectorPlan, HeadsPlan, PyramidPlan
from search_space.networks.detection.pyramid import pyramid_bytes, pyramid_counts
from search_space.networks.ending import Ending, ending_bytes, ending_counts

EndingPart = Ending | PyramidPlan | HeadsPlan


def ending_parts(ending: Ending | DetectorPlan) -> tuple[EndingPart, ...]:
    """Return the parts of an ending in order."""
    return (ending.pyramid, ending.heads) if isinstance(ending, DetectorPlan) else (ending,)


def ending_part_counts(part: EndingPart) -> Counts:
    """Count what a part costs."""
    if isinstance(part, PyramidPlan):
        return pyramid_counts(part)
    if isinstance(part, HeadsPlan):
        return head_counts(part, part.classes) + head_counts(part, OFFSETS)
    return sum(ending_counts(part), NO_COUNTS)


def ending_part_bytes(part: EndingPart) -> TrainingBytes:
    """Return the memory that a part takes in training."""
    if isinstance(part, PyramidPlan):
        return pyramid_bytes(part)
    return heads_bytes(part) if isinstance(part, HeadsPlan) else ending_bytes(part)
