"""The settings of what is put in a place, and the width at which parameters are nearest."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_space.architecture import Architecture, Stage, Task
from search_space.cost import network_costs
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    Description,
    InvertedBottleneck,
    LocalAttention,
    Primitive,
)
from search_space.swaps import paired_swaps
from search_space.swaps.bottleneck_settings import augmented_bottlenecks
from search_space.swaps.equal_parameters import nearest_in_parameters
from search_space.swaps.parts import with_blocks
from search_space.swaps.primitive_settings import (
    Place,
    augmented_convolution,
    convolution,
    local_attentions,
)
from search_space.zoo import network
from tests.search_space.strategies import DIGITS, examples, sampled, seeds

TASK = Task(dataset="digits", input_shape=(1, 8, 8), classes=10)
CONV = Convolution()
LOCAL = LocalAttention(extent=3, heads=2, position="none", scaled=False)
AUGMENTED = AugmentedConvolution(
    kernel=5, key_depth=16, value_depth=8, heads=2, position="sine", downsample=True
)


def place_of(
    blocks: list[Primitive], index: int, map_hw: tuple[int, int] = (16, 16), width: int = 32
) -> Place:
    stages = tuple(Stage(width=width, stride=1, blocks=(block,)) for block in blocks)
    stem = ConvolutionStem(width=16, kernel=3)
    return Place(Architecture(block="basic", stem=stem, stages=stages), index, map_hw)


def test_settings_are_those_of_the_nearest_stage_the_earlier_of_two() -> None:
    one, other = LOCAL, LOCAL.replace(extent=5)
    assert local_attentions(place_of([one, CONV, other], 1))[0] == one
    assert local_attentions(place_of([one, CONV, CONV, other], 2))[0] == other
    small = Convolution(kernel=1)
    assert convolution(place_of([small, LOCAL, CONV], 1)) == small
    assert convolution(place_of([LOCAL], 0)) == CONV


def test_a_stage_whose_heads_do_not_fit_is_passed_over() -> None:
    wide = Stage(width=64, stride=1, blocks=(LOCAL.replace(heads=64, scaled=True),))
    narrow = Stage(width=32, stride=1, blocks=(CONV,))
    stem = ConvolutionStem(width=16, kernel=3)
    alone = Architecture(block="basic", stem=stem, stages=(narrow, wide))
    assert local_attentions(Place(alone, 0, (16, 16)))[0] == LocalAttention()
    fitting = Stage(width=32, stride=1, blocks=(LOCAL,))
    both = alone.replace(stages=(narrow, wide, fitting))
    assert local_attentions(Place(both, 0, (16, 16)))[0] == LOCAL


@pytest.mark.parametrize(
    ("width", "side", "extent", "heads", "fewer"),
    [(64, 16, 7, 8, [4, 2]), (64, 7, 7, 8, [4, 2]), (64, 6, 5, 8, [4, 2]), (8, 4, 3, 4, [2]),
     (12, 2, 3, 6, [3]), (7, 1, 3, 1, []), (2, 8, 7, 1, [])],
)  # fmt: skip
def test_local_attention_is_the_papers_where_there_is_no_other(
    width: int, side: int, extent: int, heads: int, fewer: list[int]
) -> None:
    place = place_of([CONV], 0, (side, side + 1), width)
    assert local_attentions(place) == [
        LocalAttention(extent=extent, heads=each) for each in (heads, *fewer)
    ]


def test_one_channel_has_no_relative_positions() -> None:
    (attention,) = local_attentions(place_of([CONV], 0, width=1))
    assert (attention.heads, attention.position) == (1, "none")


@pytest.mark.parametrize(
    ("width", "side", "heads", "least", "half"),
    [(128, 56, 8, 20, True), (160, 32, 8, 20, False), (64, 14, 4, 20, False),
     (16, 8, 1, 20, False), (4, 8, 1, 8, False), (1, 8, 1, 2, False)],
)  # fmt: skip
def test_an_augmented_convolution_is_the_papers_where_there_is_no_other(
    width: int, side: int, heads: int, least: int, half: bool
) -> None:
    assert augmented_convolution(place_of([CONV], 0, (side, side), width)) == (
        AugmentedConvolutionRatios(
            kappa=0.2, upsilon=0.1, heads=heads, min_key_depth_per_head=least, downsample=half
        )
    )


def test_depths_are_taken_over_as_fractions_and_half_maps_by_the_map() -> None:
    place = place_of([AUGMENTED, CONV], 1)
    assert augmented_convolution(place) == AugmentedConvolutionRatios(
        kernel=5,
        kappa=0.5,
        upsilon=0.25,
        heads=2,
        position="sine",
        min_key_depth_per_head=8,
        downsample=False,
    )
    assert augmented_convolution(place._replace(map_hw=(33, 32))).downsample


def test_an_mnasnet_takes_attention_over_as_fractions_of_the_hidden_channels() -> None:
    plain = InvertedBottleneck(kernel=3, expansion=6)
    augmented = AUGMENTED.replace(kernel=1, key_depth=24, value_depth=12)
    stages = (
        Stage(width=10, stride=1, blocks=(plain, plain.replace(kernel=5))),
        Stage(width=8, stride=1, blocks=(plain.replace(expansion=12, augmentation=augmented),)),
    )
    stem = ConvolutionStem(width=5, kernel=3)
    known = Architecture(family="mnasnet", stem=stem, stages=stages)
    blocks = [
        each.resolve(10, channels)
        for each, channels in zip(
            augmented_bottlenecks(Place(known, 0, (8, 8))), (5, 10), strict=True
        )
    ]
    assert [block.label for block in blocks] == [
        "mb(k=3,e=6,aa(dk=6,dv=2,h=2,sine))",  # 0.2 and 0.1 of 30, and of 60
        "mb(k=5,e=6,aa(dk=12,dv=6,h=2,sine))",
    ]
    none = known.replace(stages=stages[:1])
    labels = [
        each.resolve(10, channels).label
        for each, channels in zip(
            augmented_bottlenecks(Place(none, 0, (8, 8))), (5, 10), strict=True
        )
    ]
    assert labels == ["mb(k=3,e=6,aa(dk=4,dv=4,h=4))", "mb(k=5,e=6,aa(dk=4,dv=4,h=4))"]


def test_squeezed_widths_stay_at_another_width() -> None:
    swaps = {(s.place, s.change): s for s in paired_swaps(network("se_resnet50"), IMAGENET)}
    exchanged = swaps["stage 2", "local_attention"].architecture.stages[1]
    assert exchanged.width != 128
    assert {gate.label for gate in exchanged.recalibration if gate} == {"se(32)"}


IMAGENET = Task(dataset="imagenet", input_shape=(3, 224, 224), classes=1000)


@pytest.mark.parametrize(("width", "heads", "position"), [(9, 3, "relative"), (1, 1, "none")])
def test_the_heads_of_an_attention_stem_divide_its_width(
    width: int, heads: int, position: str
) -> None:
    stem = ConvolutionStem(width=width, kernel=3, stride=2, pool=False)
    architecture = Architecture(
        block="basic", stem=stem, stages=(Stage(width=8, stride=1, blocks=(CONV,)),)
    )
    swap = paired_swaps(architecture, TASK)[0]
    assert swap.change == "attention stem"
    swapped = swap.architecture.stem
    assert isinstance(swapped, AttentionStem)
    assert (swapped.heads, swapped.position, swapped.block) == (heads, position, 2)


@given(seeds(), st.sampled_from([0, 1]), st.sampled_from(["conv", "augmented", "local"]))
@examples(25)
def test_no_other_width_is_nearer(seed: int, index: int, kind: str) -> None:
    """Bisection against all widths, where the parameters fall at some of them too."""
    architecture = sampled(DIGITS, seed)
    place = Place(architecture, index, (8, 8))
    step = 1
    description: Description
    if kind == "conv":
        description = convolution(place)
    elif kind == "augmented":
        description = augmented_convolution(place)
    else:
        description = attention = local_attentions(place)[-1]
        step = attention.heads
    depth = len(place.stage.blocks)
    at_width = partial(with_blocks, architecture, index, (description,) * depth)
    target = network_costs(architecture, TASK).params
    nearest = nearest_in_parameters(at_width, TASK, target, width=place.stage.width, step=step)
    distances = []
    for width in range(step, 120, step):
        try:
            distances.append(abs(network_costs(at_width(width), TASK).params - target))
        except ValueError:
            continue  # there are more heads than channels
    assert nearest is not None
    assert nearest.distance == min(distances)


@pytest.mark.parametrize("multiple", [2, 7])
def test_widths_that_do_not_fit_are_passed_over(multiple: int) -> None:
    place = place_of([CONV], 0)

    def at_width(width: int) -> Architecture:
        if width % multiple:
            raise ValueError("it does not fit")
        return with_blocks(place.architecture, 0, [CONV], width)

    for params in (1_000, 20_000, 100_000, 1_000_000):
        nearest = nearest_in_parameters(at_width, TASK, params, width=32, step=1)
        fitting = range(multiple, 600, multiple)
        assert nearest is not None
        assert nearest.distance == min(
            abs(network_costs(at_width(width), TASK).params - params) for width in fitting
        )


def test_what_fits_no_width_has_no_nearest() -> None:
    def never(width: int) -> Architecture:
        raise ValueError("nothing fits")

    assert nearest_in_parameters(never, TASK, 1000, width=8, step=1) is None


@pytest.mark.parametrize(("width", "heads"), [(16, 4), (8, 2), (12, 2), (4, 1)])
def test_of_equally_near_networks_the_nearest_width_s_is_taken_then_the_narrower(
    width: int, heads: int
) -> None:
    """The number of heads changes no parameters."""
    place, heads_at = place_of([LOCAL], 0), {4: 1, 8: 2, 16: 4}

    def at_width(width: int) -> Architecture:
        if width not in heads_at:
            raise ValueError("it does not fit")
        attention = LOCAL.replace(heads=heads_at[width])
        return with_blocks(place.architecture, 0, [attention], 32)

    target = network_costs(place.architecture, TASK).params
    nearest = nearest_in_parameters(at_width, TASK, target, width=width, step=4)
    assert nearest is not None
    assert nearest.distance == 0
    (attention,) = nearest.architecture.stages[0].blocks
    assert isinstance(attention, LocalAttention)
    assert attention.heads == heads
