"""The operator of a detector's pyramid, or of its heads, exchanged for the other kind."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from search_space.architecture import Architecture, Task
from search_space.detector import Detector
from search_space.primitives import Convolution, LocalAttention, Primitive
from search_space.scaling import detector_at
from search_space.swaps.equal_parameters import nearest_in_parameters
from search_space.swaps.primitive_settings import HEADS, most_heads
from search_space.swaps.proposal import Proposal

PLACES = ("pyramid", "heads")


def detector_swaps(architecture: Architecture, task: Task, target: int) -> Iterator[Proposal]:
    """Yield a detector with the pyramid's operator exchanged, then with the heads'.

    The width of pyramid and heads, which is one, changes so that the parameters are nearest to
    ``target``. The new operator has the settings of the other place if that is of its kind, else of
    the backbone's first block of its kind, else the papers'. A classifier has no such swaps.
    """
    detector = architecture.detector
    if detector is None:
        return
    for place in PLACES:
        exchanged = _exchanged(architecture, detector, place)
        operators = {name: getattr(detector, name) for name in PLACES} | {place: exchanged}
        heads = [each.heads for each in operators.values() if isinstance(each, LocalAttention)]
        nearest = nearest_in_parameters(
            partial(_at_width, architecture, detector, operators["pyramid"], operators["heads"]),
            task,
            target,
            width=detector.width,
            step=max(heads, default=1),
        )
        if nearest is not None:
            yield Proposal(place, exchanged.type, nearest.architecture)


def _at_width(
    architecture: Architecture, detector: Detector, pyramid: Primitive, heads: Primitive, width: int
) -> Architecture:
    return architecture.replace(detector=detector_at(detector, width, pyramid, heads))


def _exchanged(architecture: Architecture, detector: Detector, place: str) -> Primitive:
    """Return the operator of the other kind that is put in a place."""
    kind: type[Primitive] = Convolution
    if isinstance(getattr(detector, place), Convolution):
        kind = LocalAttention
    blocks = [block for stage in architecture.stages for block in stage.blocks]
    for known in (detector.pyramid, detector.heads, *blocks):
        if isinstance(known, kind):
            return known
    if kind is Convolution:
        return Convolution()
    heads = most_heads(detector.width, HEADS)
    return LocalAttention(heads=heads or 1, position="relative" if heads else "none")
