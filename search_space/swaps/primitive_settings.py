"""The settings of a primitive that is put in a stage of a ResNet or Wide ResNet.

They are those of the same kind elsewhere in the architecture: of the stage itself, of the nearest
stage, of two equally near ones the earlier; of that stage's first block of the kind. A stage whose
heads do not fit the width is passed over. If no stage is left, they are the papers':

* convolution: kernel 3;
* local attention (Stand-Alone Self-Attention): extent 7, relative positions, and 8 heads, or the
  largest number below that divides the stage's width and leaves 2 channels a head;
* augmented convolution (Attention Augmented Convolutional Networks): kernel 3, kappa = 2 upsilon =
  0.2, relative positions, and 8 heads, or the largest number below that divides the stage's width
  and is no more than upsilon of it. A head has at least 20 key channels; where all of them would be
  more than twice the width (as nowhere in the paper), as many as make twice the width.

Two settings follow from the stage's output map in either case. An extent is no larger than the
largest odd one within the map, but at least 3, since a window of 1 is a 1x1 convolution. An
augmented convolution attends on half the map where the whole has more than 32 x 32 pixels, the
largest that its paper attends to. Key and value depths are taken over as fractions of the width
(kappa, upsilon), with a least key depth a head of 20 channels, or of the other stage's if that is
less.

The heads of local attention divide the width, so that many heads leave few widths. They are halved,
not below 2, where that brings the parameters within 1 % or, if nothing does, nearer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from search_space.architecture import Architecture, Stage
from search_space.primitives import (
    AugmentedConvolution,
    AugmentedConvolutionRatios,
    Convolution,
    LocalAttention,
    Primitive,
)

EXTENT = 7
LEAST_EXTENT = 3
"""The extent below which there is no smaller one: in a window of 1 a pixel attends to itself."""
HEADS = 8
KAPPA, UPSILON = 0.2, 0.1
KEY_DEPTH_PER_HEAD = 20
WHOLE_PIXELS = 32 * 32
"""The most pixels of a map that an augmented convolution attends to whole."""

Kind = TypeVar("Kind", bound=Primitive)


class Place(NamedTuple):
    """A stage whose primitive is exchanged."""

    architecture: Architecture
    stage_index: int  # from 0
    map_hw: tuple[int, int]  # the stage's output map (H, W), pixels

    @property
    def stage(self) -> Stage:
        """The stage as it is."""
        return self.architecture.stages[self.stage_index]

    @property
    def attends_on_half(self) -> bool:
        """Whether an augmented convolution attends on half the map."""
        return self.map_hw[0] * self.map_hw[1] > WHOLE_PIXELS

    def nearest_stages(self) -> list[int]:
        """List the indices of all stages, this one first, then by their distance."""
        indices = range(len(self.architecture.stages))
        return sorted(indices, key=lambda index: (abs(index - self.stage_index), index))

    def settings(self, kind: type[Kind]) -> Iterator[tuple[Kind, int]]:
        """Yield the first block of this kind of each stage that has one, with the stage's width."""
        for index in self.nearest_stages():
            stage = self.architecture.stages[index]
            for block in stage.blocks:
                if isinstance(block, kind):
                    yield block, stage.width
                    break


def convolution(place: Place) -> Convolution:
    """Return the convolution that is put in a place."""
    return next((block for block, _ in place.settings(Convolution)), Convolution())


def local_attentions(place: Place) -> list[LocalAttention]:
    """List the local attention that is put in a place: with all its heads, then with fewer."""
    attention = _local_attention(place)
    heads = [attention.heads]
    while heads[-1] % 2 == 0 and heads[-1] >= 4:
        heads.append(heads[-1] // 2)
    return [attention.replace(heads=each) for each in heads]


def _local_attention(place: Place) -> LocalAttention:
    """Return the local attention with all its heads, which divide the stage's width."""
    width = place.stage.width
    smaller = min(place.map_hw)
    largest = max(LEAST_EXTENT, smaller if smaller % 2 else smaller - 1)
    for block, _ in place.settings(LocalAttention):
        if width % block.heads == 0 and width // block.heads >= 2:
            return block.replace(extent=min(block.extent, largest))
    heads = most_heads(width, HEADS)
    return LocalAttention(
        extent=min(EXTENT, largest),
        heads=heads or 1,
        position="relative" if heads else "none",
    )


def most_heads(width: int, most: int) -> int | None:
    """Return the most heads, up to ``most``, that divide a width and leave 2 channels a head.

    Relative positions need 2 channels a head, so there are none at a width of 1: None.
    """
    fitting = [h for h in range(1, most + 1) if width % h == 0 and width // h >= 2]
    return max(fitting, default=None)


def augmented_convolution(place: Place) -> AugmentedConvolutionRatios:
    """Return the augmented convolution that is put in a place."""
    width = place.stage.width
    for block, its_width in place.settings(AugmentedConvolution):
        if block.heads <= width:
            return AugmentedConvolutionRatios(
                kernel=block.kernel,
                kappa=min(1.0, block.key_depth / its_width),
                upsilon=block.value_depth / its_width,
                heads=block.heads,
                position=block.position,
                min_key_depth_per_head=min(KEY_DEPTH_PER_HEAD, block.key_depth // block.heads),
                downsample=place.attends_on_half,
            )
    fitting = [h for h in range(1, HEADS + 1) if width % h == 0 and h <= UPSILON * width]
    heads = max(fitting, default=1)
    return AugmentedConvolutionRatios(
        kappa=KAPPA,
        upsilon=UPSILON,
        heads=heads,
        min_key_depth_per_head=min(KEY_DEPTH_PER_HEAD, 2 * width // heads),
        downsample=place.attends_on_half,
    )
