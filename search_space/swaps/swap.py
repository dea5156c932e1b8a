"""All swaps of an architecture, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.swaps.detector_swaps import detector_swaps
from search_space.swaps.network_swaps import network_swaps
from search_space.swaps.proposal import Proposal
from search_space.swaps.stage_swaps import stage_swaps
from search_space.swaps.stem_swaps import stem_swaps
from search_space.values import Value


class Swap(Value):
    """An architecture with one part exchanged."""

    place: str
    """The exchanged part: ``stem``, ``stage 2`` (counted from 1), a detector's ``pyramid`` or
    ``heads``, or ``network`` for a change of all parts."""
    change: str
    """The kind that the place has now: for a stem ``conv stem`` or ``attention stem``; for a stage
    ``conv``, ``augmented_conv`` or ``local_attention``, in an MnasNet ``augmentation on`` or
    ``augmentation off``; for the network ``no positions``, ``smaller extent`` or ``larger
    extent``."""
    architecture: Architecture
    params: int = Field(ge=0)
    """Parameters of the architecture."""
    params_difference: float
    """The parameters less those of the original, as a fraction of those."""


def paired_swaps(architecture: Architecture, task: Task) -> tuple[Swap, ...]:
    """List the networks that differ from ``architecture`` in one part, each once.

    * Each stage's primitive is exchanged, in all of its blocks, for each other kind that the family
      allows (:mod:`search_space.swaps.stage_swaps`), and the stem for the other kind
      (:mod:`search_space.swaps.stem_swaps`). That stage's or the stem's width alone changes, so
      that the parameters of the network are as near to the original's as it allows. Wide networks
      come within 1 %; where widths are few, ``params_difference`` says how near.
    * In a detector, so are the operators of the pyramid and of the heads, by their common width
      (:mod:`search_space.swaps.detector_swaps`).
    * Positions are switched off, and extents become smaller and larger, in the whole network at
      once (:mod:`search_space.swaps.network_swaps`), at the same widths.

    Depths, strides, channel attention, the head and anchors stay. Equal arguments give equal lists:
    the stem, each stage in order, pyramid and heads, then the network. A change that nothing fits,
    or that changes nothing, is left out.

    Raises:
        ValueError: ``architecture`` cannot take the task's images, or an operator of a primitive of
            the user's own has no cost rule.
    """
    target = network_costs(architecture, task).params
    swaps: dict[str, Swap] = {}
    for place, change, swapped in _proposals(architecture, task, target):
        if swapped == architecture or swapped.arch_id in swaps:
            continue
        params = network_costs(swapped, task).params
        swaps[swapped.arch_id] = Swap(
            place=place,
            change=change,
            architecture=swapped,
            params=params,
            params_difference=(params - target) / target,
        )
    return tuple(swaps.values())


def _proposals(architecture: Architecture, task: Task, target: int) -> Iterator[Proposal]:
    yield from stem_swaps(architecture, task, target)
    yield from stage_swaps(architecture, task, target)
    yield from detector_swaps(architecture, task, target)
    yield from network_swaps(architecture, task)
