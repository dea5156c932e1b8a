"""A stage's primitive exchanged for the other kinds, in all of its blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from search_space.architecture import Architecture, Task
from search_space.networks.plan import plan_network
from search_space.primitives import (
    AugmentedConvolution,
    Convolution,
    Description,
    InvertedBottleneck,
    LocalAttention,
    Primitive,
)
from search_space.swaps.bottleneck_settings import augmented_bottlenecks, plain_bottlenecks
from search_space.swaps.equal_parameters import Nearest, nearest_in_parameters
from search_space.swaps.parts import with_blocks
from search_space.swaps.primitive_settings import (
    Place,
    augmented_convolution,
    convolution,
    local_attentions,
)
from search_space.swaps.proposal import Proposal

NEAR = 0.01
"""The difference of parameters, as a fraction, up to which the preferred form is taken."""


class _Form(NamedTuple):
    """The primitives that a stage may have in place of its own."""

    blocks: Sequence[Description]  # of each block
    step: int = 1  # of the stage's width, channels


def stage_swaps(architecture: Architecture, task: Task, target: int) -> Iterator[Proposal]:
    """Yield ``architecture`` with each stage exchanged, its parameters nearest to ``target``.

    A stage whose blocks are of several kinds is exchanged for each kind, its own too.
    In an MnasNet, attention is put beside the expansion of each inverted bottleneck that expands,
    and taken away; other primitives stay.
    """
    for index, planned in enumerate(plan_network(architecture, task).stages):
        place = Place(architecture, index, planned.last.output_hw)
        for change, forms in _exchanged(place):
            swapped: Nearest | None = None
            for form in forms:
                other = nearest_in_parameters(
                    partial(with_blocks, architecture, index, form.blocks),
                    task,
                    target,
                    width=place.stage.width,
                    step=form.step,
                )
                if swapped is None or (other and other.distance < swapped.distance):
                    swapped = other
                if swapped and swapped.distance <= NEAR * target:
                    break
            if swapped:
                yield Proposal(f"stage {index + 1}", change, swapped.architecture)


def _exchanged(place: Place) -> Iterator[tuple[str, list[_Form]]]:
    """Yield each change, and the forms that the stage may have then, the preferred first."""
    blocks = place.stage.blocks
    if place.architecture.family == "mnasnet":
        expanding = [b for b in blocks if isinstance(b, InvertedBottleneck) and b.expansion > 1]
        if any(block.augmentation for block in expanding):
            yield "augmentation off", [_Form(plain_bottlenecks(place))]
        if not all(block.augmentation for block in expanding):
            yield "augmentation on", [_Form(augmented_bottlenecks(place))]
        return
    depth = len(blocks)
    if not _are_all(blocks, Convolution):
        yield "conv", [_Form((convolution(place),) * depth)]
    if not _are_all(blocks, AugmentedConvolution):
        yield "augmented_conv", [_Form((augmented_convolution(place),) * depth)]
    if not _are_all(blocks, LocalAttention):
        attentions = local_attentions(place)
        yield "local_attention", [_Form((each,) * depth, each.heads) for each in attentions]


def _are_all(blocks: Sequence[Primitive], kind: type[Primitive]) -> bool:
    return all(isinstance(block, kind) for block in blocks)
