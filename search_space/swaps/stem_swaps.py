"""The stem exchanged: convolution for attention, and attention for convolution.

The output map stays. The convolution is that of the plain network of equal size
(:func:`search_space.baseline.convolution_stem`). The attention is Stand-Alone Self-Attention's:
spatially aware values of 4 mixtures, relative positions, and 4 heads, or the largest number below
that divides the stem's width and leaves 2 channels a head. Its block is the reduction of the image,
at least 2, so a stem that keeps the image's size has no attention in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from search_space.architecture import Architecture, Task
from search_space.baseline import convolution_stem
from search_space.primitives import AttentionStem, ConvolutionStem, Stem
from search_space.swaps.equal_parameters import nearest_in_parameters
from search_space.swaps.parts import with_stem
from search_space.swaps.primitive_settings import most_heads
from search_space.swaps.proposal import Proposal

HEADS = 4
PLACE = "stem"


def stem_swaps(architecture: Architecture, task: Task, target: int) -> Iterator[Proposal]:
    """Yield ``architecture`` with other stems, with parameters as near to ``target`` as possible.

    A stem of the user's own is exchanged for both kinds.
    """
    for change, stem, step in _other_stems(architecture, task):

        def at_width(width: int, stem: Stem = stem) -> Architecture:
            return with_stem(architecture, stem.replace(width=width))

        swapped = nearest_in_parameters(at_width, task, target, width=stem.width, step=step)
        if swapped is not None:
            yield Proposal(PLACE, change, swapped.architecture)


def _other_stems(architecture: Architecture, task: Task) -> Iterator[tuple[str, Stem, int]]:
    """Yield the change, the stem at its width, and the step of its width."""
    stem = architecture.stem
    if not isinstance(stem, ConvolutionStem):
        convolution = _convolution_stem(architecture, task)
        if convolution is not None:
            yield "conv stem", convolution, 1
    if not isinstance(stem, AttentionStem):
        attention = _attention_stem(stem, task)
        if attention is not None:
            yield "attention stem", attention, attention.heads


def _convolution_stem(architecture: Architecture, task: Task) -> ConvolutionStem | None:
    """Return a convolution stem with the width and map of the stem; None if there is none."""
    try:
        return convolution_stem(architecture, task)
    except ValueError:  # the stem is the user's own, and its map is no strided one
        return None


def _attention_stem(stem: Stem, task: Task) -> AttentionStem | None:
    """Return an attention stem with the width and map of ``stem``; None if there is none."""
    _, height, width = task.input_shape
    out_height, out_width = stem.output_hw((height, width))
    block, rest = divmod(height, out_height)
    if block < 2 or rest or block * out_width != width:
        return None
    heads = most_heads(stem.width, HEADS)
    position: Literal["none", "relative"] = "relative" if heads else "none"
    return AttentionStem(width=stem.width, block=block, heads=heads or 1, position=position)
