"""Paired swaps of random small networks and of the papers' networks keep every promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from search_space.architecture import Architecture, Stage, Task
from search_space.networks import build
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    Convolution,
    ConvolutionStem,
    Identity,
    InvertedBottleneck,
    LocalAttention,
)
from search_space.swaps import paired_swaps
from search_space.zoo import named_network
from tests.search_space.own_primitive import Anywhere, Patches, Separable
from tests.search_space.small_detectors import small_detector
from tests.search_space.strategies import BASIC, DETECTORS, DIGITS, MOBILE, WIDE
from tests.search_space.swaps.swap_checks import KINDS, checked_swaps

DIGITS_TASK = Task(dataset="digits", input_shape=(1, 8, 8), classes=10)
SMALL_TASK = Task(input_shape=(3, 16, 16), classes=10)
STEM = ConvolutionStem(width=16, kernel=3, stride=1, pool=False)
CONV = Convolution()
AUGMENTED = AugmentedConvolution(
    kernel=3, key_depth=16, value_depth=8, heads=2, position="relative", downsample=False
)
LOCAL = LocalAttention(extent=3, heads=4)


def basic(*stages: Stage, **fields: object) -> Architecture:
    return Architecture(**({"block": "basic", "stem": STEM} | fields), stages=stages)  # type: ignore[arg-type]


def stage(*blocks: object, width: int = 32, stride: int = 1) -> Stage:
    return Stage(width=width, stride=stride, blocks=blocks)


def test_swaps_of_the_digits_space_keep_every_promise() -> None:
    rng = np.random.default_rng(0)
    differences: dict[str, list[float]] = {}
    for _ in range(100):
        architecture = DIGITS.sample(rng)
        swaps = checked_swaps(architecture, DIGITS_TASK)
        for number, each in enumerate(architecture.stages, start=1):
            others = set(KINDS) - {block.type for block in each.blocks}
            assert {change for place, change in swaps if place == f"stage {number}"} == others
        has_attention_stem = isinstance(architecture.stem, AttentionStem)
        assert (("stem", "conv stem") in swaps) == has_attention_stem
        assert ("stem", "attention stem") not in swaps  # which cannot keep an 8 x 8 map
        for (_, change), swap in swaps.items():
            differences.setdefault(change, []).append(abs(swap.params_difference))
    assert set(differences) == {
        *KINDS,
        "conv stem",
        "no positions",
        "smaller extent",
        "larger extent",
    }
    # A channel more is up to a fifth of a network of a few thousand parameters.
    worst = {change: max(each) for change, each in differences.items()}
    assert worst["conv stem"] <= 0.02
    assert max(worst[kind] for kind in KINDS) <= 0.15
    assert max(np.median(differences[kind]) for kind in KINDS) <= 0.025


@pytest.mark.parametrize("space", [BASIC, MOBILE, WIDE], ids=lambda space: space.name)
def test_swaps_of_other_families_keep_every_promise(space: object) -> None:
    rng = np.random.default_rng(1)
    for _ in range(15):
        checked_swaps(space.sample(rng), SMALL_TASK)  # type: ignore[attr-defined]


def test_swaps_of_detectors_keep_every_promise() -> None:
    rng = np.random.default_rng(2)
    places = set()
    for _ in range(8):
        architecture = DETECTORS.sample(rng)
        swaps = checked_swaps(architecture, SMALL_TASK)
        places |= {place for place, _ in swaps}
        assert {place for place, _ in swaps} >= {"pyramid", "heads"}
    assert places == {"stage 1", "stage 2", "pyramid", "heads", "network"}


def test_changes_of_the_network_are_made_in_the_detector_too() -> None:
    extent = {"extent": 5, "heads": 2}
    detector = small_detector(LocalAttention(**extent))
    swaps = checked_swaps(detector, Task(input_shape=(3, 128, 128), classes=2))
    for change, wanted in {
        "no positions": LocalAttention(**extent, position="none"),
        "smaller extent": LocalAttention(**extent | {"extent": 3}),
        "larger extent": LocalAttention(**extent | {"extent": 7}),
    }.items():
        changed = swaps["network", change].architecture.detector
        assert changed is not None
        assert changed.pyramid == changed.heads == wanted
    exchanged = swaps["pyramid", "conv"].architecture.detector
    assert exchanged is not None
    assert (exchanged.pyramid, exchanged.heads) == (CONV, LocalAttention(**extent))


STAGE_CHANGES = {
    "resnet50": [{"augmented_conv", "local_attention"}] * 4,
    "aa_resnet50": [{"augmented_conv", "local_attention"}, *[{"conv", "local_attention"}] * 3],
    "sasa_resnet50": [{"conv", "augmented_conv"}] * 4,
    "se_resnet50": [{"augmented_conv", "local_attention"}] * 4,
    "wide_resnet28_10": [{"augmented_conv", "local_attention"}] * 3,
    "mnasnet_100": [set(), *[{"augmentation on"}] * 6],
    "aa_mnasnet_100": [set(), {"augmentation on"}, *[{"augmentation off"}] * 5],
}
OTHER_CHANGES = {
    "resnet50": {"attention stem"},
    "aa_resnet50": {"attention stem", "no positions"},
    "sasa_resnet50": {"conv stem", "no positions", "smaller extent", "larger extent"},
    "se_resnet50": {"attention stem"},
    "wide_resnet28_10": set(),
    "mnasnet_100": {"attention stem"},
    "aa_mnasnet_100": {"attention stem", "no positions"},
}


@pytest.mark.parametrize("name", STAGE_CHANGES)
def test_swaps_of_the_papers_networks_are_within_one_percent(name: str) -> None:
    known = named_network(name)
    swaps = checked_swaps(known.at_width(1.0), known.task)
    for number, changes in enumerate(STAGE_CHANGES[name], start=1):
        assert {change for place, change in swaps if place == f"stage {number}"} == changes
    others = {change for place, change in swaps if not place.startswith("stage")}
    assert others == OTHER_CHANGES[name]
    assert max(abs(swap.params_difference) for swap in swaps.values()) <= 0.01


def small_networks() -> list[tuple[Architecture, Task]]:
    rng = np.random.default_rng(2)
    named = ("aa_wide_resnet28_10@0.1", "aa_mnasnet_100@0.25")
    return [
        *((DIGITS.sample(rng), DIGITS_TASK) for _ in range(3)),
        *((named_network(name).at_width(1.0), SMALL_TASK) for name in named),
    ]


@pytest.mark.parametrize(("architecture", "task"), small_networks(), ids=str)
def test_every_swap_builds_and_runs(architecture: Architecture, task: Task) -> None:
    swaps = paired_swaps(architecture, task)
    assert swaps
    for swap in swaps:
        model = build(swap.architecture, task, seed=0).eval()
        assert sum(each.numel() for each in model.parameters()) == swap.params
        with torch.no_grad():
            assert model(torch.zeros(2, *task.input_shape)).shape == (2, task.classes)


def test_equal_architectures_have_equal_swaps_in_one_order() -> None:
    for architecture, task in small_networks():
        again = Architecture.from_json(architecture.canonical_json())
        assert paired_swaps(architecture, task) == paired_swaps(again, task)
    places = [swap.place for swap in paired_swaps(*small_networks()[-1])]
    assert places == sorted(
        places, key=["stem", *(f"stage {n}" for n in range(1, 8)), "network"].index
    )


def test_all_blocks_of_a_mixed_stage_are_exchanged_for_each_kind() -> None:
    mixed = stage(CONV, AUGMENTED, Convolution(kernel=5), LOCAL)
    swaps = checked_swaps(basic(mixed, stage(CONV)), SMALL_TASK)
    assert {change for place, change in swaps if place == "stage 1"} == set(KINDS)
    labels = {
        change: {block.label for block in swap.architecture.stages[0].blocks}
        for (place, change), swap in swaps.items()
        if place == "stage 1"
    }
    assert labels["conv"] == {"conv3"}  # the first of its kind
    assert labels["local_attention"] == {"attn(k=3,h=4)"}


def test_kernels_alone_make_no_stage_mixed() -> None:
    swaps = checked_swaps(basic(stage(CONV, Convolution(kernel=1))), SMALL_TASK)
    assert {change for _, change in swaps} == {"augmented_conv", "local_attention"}


def test_primitives_and_stems_of_ones_own_are_exchanged_in_a_resnet_and_stay_in_an_mnasnet() -> (
    None
):
    own = basic(stage(Separable(), CONV), stem=Patches(width=16))
    swaps = checked_swaps(own, SMALL_TASK)
    assert {change for place, change in swaps if place == "stage 1"} == set(KINDS)
    assert {change for place, change in swaps if place == "stem"} == {"conv stem", "attention stem"}
    uneven = SMALL_TASK.replace(input_shape=(3, 17, 16))  # of which patches leave out a row
    assert {place for place, _ in checked_swaps(own, uneven)} == {"stage 1"}
    plain = InvertedBottleneck(kernel=3, expansion=3)
    unexpanded = InvertedBottleneck(kernel=3, expansion=1)
    mobile = Architecture(
        family="mnasnet", stem=STEM, stages=(stage(plain, unexpanded, Identity(), Anywhere()),)
    )
    swaps = checked_swaps(mobile, SMALL_TASK)
    assert list(swaps) == [("stage 1", "augmentation on")]
    first, *others = swaps["stage 1", "augmentation on"].architecture.stages[0].blocks
    assert isinstance(first, InvertedBottleneck)
    assert first.augmentation is not None
    assert others == [unexpanded, Identity(), Anywhere()]


def test_images_that_do_not_fit_are_one_line() -> None:
    architecture = basic(stage(CONV), stem=AttentionStem(width=16, block=4))
    with pytest.raises(
        ValueError, match=r"^the attention stem's block must divide the image"
    ) as caught:
        paired_swaps(architecture, SMALL_TASK.replace(input_shape=(3, 18, 16)))
    assert "\n" not in str(caught.value)


def test_positions_go_everywhere_but_from_logits_of_positions_alone() -> None:
    alone = LOCAL.replace(content=False)
    architecture = basic(
        stage(LOCAL, AUGMENTED.replace(position="coordconv")),
        stage(alone, LOCAL.replace(position="sine")),
        stem=AttentionStem(width=16, block=2),
    )
    without = checked_swaps(architecture, SMALL_TASK)["network", "no positions"].architecture
    assert isinstance(without.stem, AttentionStem)
    assert without.stem.position == "none"
    assert [block.position for each in without.stages for block in each.blocks] == [  # type: ignore[attr-defined]
        *("none", "none"),
        *("relative", "none"),
    ]
    only_alone = checked_swaps(basic(stage(alone)), SMALL_TASK)
    assert ("network", "no positions") not in only_alone


def test_extents_stay_between_three_and_what_sees_the_whole_map() -> None:
    architecture = basic(
        *(stage(LOCAL.replace(extent=extent), stride=2) for extent in (3, 7, 5)),
        stage(LOCAL.replace(extent=1, heads=1)),
    )
    swaps = checked_swaps(architecture, SMALL_TASK)  # maps of 8, 4, 2 and 2 pixels a side

    def extents(change: str) -> list[int]:
        stages = swaps["network", change].architecture.stages
        return [block.extent for each in stages for block in each.blocks]  # type: ignore[attr-defined]

    assert extents("smaller extent") == [3, 5, 3, 1]
    assert extents("larger extent") == [5, 7, 5, 3]
    least = checked_swaps(basic(stage(LOCAL)), SMALL_TASK)
    assert ("network", "smaller extent") not in least
