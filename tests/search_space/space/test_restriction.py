"""Spaces restricted to convolutions alone or to stand-alone attention alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_space.architecture import Architecture
from search_space.space import SearchSpace
from search_space.space.config import Only, SpaceConfig
from search_space.yaml_validation import ConfigError, read_yaml
from tests.search_space.own_primitive import PATH
from tests.search_space.small_spaces import AA, CONV, CONVS, LOCAL, SMALL, described, read
from tests.search_space.strategies import SPACE_FILES, examples, seeds

KINDS: tuple[Only, ...] = ("conv", "attention")
SHIPPED: dict[str, dict[str, Any]] = {file.stem: read_yaml(file) for file in SPACE_FILES}

SIZES = {
    "digits": (180, 31_104),
    "digits_tabular": (8, 64),
    "mnasnet_imagenet": (15_479_341_056, None),
    "resnet_cifar": (17_496, 45_349_632),
    "resnet_imagenet": (50_625, 379_687_500),
    "small_detectors": (20_736, 241_864_704),
    "small_images": (1_296, 46_656),
    "wide_resnet_cifar": (19_683, 4_251_528),
}
"""Architectures of convolutions alone and of stand-alone attention alone; None if there is none."""


def is_of_kind(architecture: Architecture, only: Only) -> bool:
    kinds = {block.operator_kind for stage in architecture.stages for block in stage.blocks}
    detector = architecture.detector
    if detector is not None:
        kinds |= {each.operator_kind for each in (detector.pyramid, detector.heads)}
    stem_stays = only == "attention" or architecture.stem.operator_kind == "conv"
    return kinds == {only} and stem_stays


def restricted(data: dict[str, Any], only: Only) -> SearchSpace:
    return read(data | {"only": only})


def problems(data: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        SearchSpace.from_mapping(data, imports=True)
    return caught.value.problems


@pytest.mark.parametrize("only", KINDS)
def test_a_restricted_space_holds_exactly_what_is_of_its_kind(
    case: dict[str, Any], only: Only
) -> None:
    wanted = {each for each in read(case).architectures() if is_of_kind(each, only)}
    if not wanted:
        (line,) = problems(case | {"only": only})
        assert line.startswith(f"only: {only} keeps ")
        return
    if case is SMALL["every block of some depths overridden"]:
        return  # see test_depths_are_not_restricted
    space = restricted(case, only)
    assert set(space.architectures()) == wanted
    assert space.size == len(wanted)
    for architecture in wanted:
        assert space.decode(space.encode(architecture)) == architecture


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("only", KINDS)
def test_a_shipped_space_has_a_restricted_one_or_one_line_says_why(name: str, only: Only) -> None:
    size = SIZES[name][KINDS.index(only)]
    if size is not None:
        assert restricted(SHIPPED[name], only).size == size
        return
    (line,) = problems(SHIPPED[name] | {"only": only})
    assert line.startswith(
        "only: attention keeps stand-alone attention alone, which leaves nothing of "
        "stages[0].primitive (inverted_bottleneck), stages[1].primitive (inverted_bottleneck), "
    )


PAIRS = {
    (name, only): (read(data), restricted(data, only))
    for name, data in SHIPPED.items()
    for only, size in zip(KINDS, SIZES[name], strict=True)
    if size is not None
}
"""The whole space and the restricted one."""


@given(st.sampled_from(sorted(PAIRS)), seeds())
@examples(60)
def test_each_restricted_architecture_is_in_the_whole_space_and_of_the_kind(
    key: tuple[str, Only], seed: int
) -> None:
    whole, space = PAIRS[key]
    architecture = space.sample(np.random.default_rng(seed))
    assert is_of_kind(architecture, key[1])
    assert whole.decode(whole.encode(architecture)).arch_id == architecture.arch_id
    assert space.decode(space.encode(architecture)) == architecture
    drawn = whole.sample(np.random.default_rng(seed))
    assert space.contains(drawn) == is_of_kind(drawn, key[1])
    assert all(space.contains(each) for each in space.neighbours(architecture))


def inverted(**fields: Any) -> dict[str, Any]:
    primitive = {"type": "inverted_bottleneck", "heads": 2, "kappa": 0.5} | fields
    shape = {"family": "mnasnet", "block": "inverted_bottleneck"}
    return described({"depth": 1, "width": [8, 12], "primitive": primitive}, **shape)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"expansion": [2, 3], "upsilon": [0.0, 0.5]}, ["width", "inverted_bottleneck.expansion"]),
        ({"expansion": [1, 3], "upsilon": [0.3, 0.5]}, ["width", "inverted_bottleneck.upsilon"]),
        (
            {"expansion": [1, 2, 3], "upsilon": [0.0, 0.5]},
            [
                "width",
                "type",
                "inverted_bottleneck.upsilon",
                "inverted_bottleneck#2.expansion",
            ],
        ),
    ],
)
def test_of_a_type_that_may_attend_the_choices_without_attention_stay(
    fields: dict[str, Any], names: list[str]
) -> None:
    """Without an expansion there is nothing to augment, whatever upsilon is."""
    space = restricted(inverted(**fields), "conv")
    assert [parameter.name for parameter in space.parameters] == [f"stage1.{n}" for n in names]
    whole = set(read(inverted(**fields)).architectures())
    assert set(space.architectures()) == {each for each in whole if is_of_kind(each, "conv")}


def test_an_augmented_convolution_is_neither_kind_even_if_nothing_is_convolved() -> None:
    attends = described({"depth": 1, "width": 4, "primitive": [CONV, AA | {"upsilon": 1.0}]})
    assert restricted(attends, "conv").size == 1
    assert problems(attends | {"only": "attention"}) == [
        "only: attention keeps stand-alone attention alone, which leaves nothing of "
        "stages[0].primitive (conv, augmented_conv)"
    ]


def test_a_type_of_ones_own_stays_by_the_kind_that_it_declares() -> None:
    declared, undeclared = ({"type": f"{PATH}:{name}"} for name in ("Separable", "Anywhere"))
    gate = [{"type": "none"}, {"type": f"{PATH}:SpatialGate"}]
    stage = {"depth": 1, "width": 4, "recalibration": gate}
    data = described(stage | {"primitive": [declared, undeclared, CONV, LOCAL]}, only="conv")
    space = SearchSpace.from_mapping(data, imports=True)
    assert {each.stages[0].blocks[0].label for each in space.architectures()} == {
        "separable3",
        "conv3",
    }
    assert space.size == 4  # gates are of both kinds
    data = described(
        stage | {"primitive": undeclared}, only="conv", stem={"type": f"{PATH}:Patches"}
    )
    assert problems(data) == [
        f"only: conv keeps convolutions alone, which leaves nothing of stem ({PATH}:Patches), "
        f"stages[0].primitive ({PATH}:Anywhere)"
    ]


def test_a_single_block_s_own_primitive_is_restricted_too() -> None:
    stage = {"depth": 2, "width": 4, "primitive": CONVS, "overrides": {1: [LOCAL, AA]}}
    assert problems(described(stage, only="conv")) == [
        "only: conv keeps convolutions alone, which leaves nothing of stages[0].overrides.1 "
        "(local_attention, augmented_conv)"
    ]


def test_depths_are_not_restricted() -> None:
    """Networks of depth 1 have convolutions alone; those of depth 3 cannot."""
    stage = {"depth": [1, 3], "width": 4, "primitive": LOCAL, "overrides": {0: CONVS}}
    assert problems(described(stage, only="conv")) == [
        "only: conv keeps convolutions alone, which leaves nothing of stages[0].primitive "
        "(local_attention)"
    ]


def test_a_mistake_in_what_would_be_left_out_is_still_said() -> None:
    stage = {"depth": 1, "width": 4, "primitive": [CONV, LOCAL | {"extend": 3}]}
    assert problems(described(stage, only="conv")) == [
        "stages[0].primitive[1].extend: unknown key; did you mean 'extent'?"
    ]


def test_heads_that_do_not_divide_do_not_matter_where_they_are_left_out() -> None:
    stage = {"depth": 1, "width": 4, "primitive": [CONV, LOCAL | {"heads": 3}]}
    assert problems(described(stage))
    assert restricted(described(stage), "conv").size == 1


def test_an_unknown_kind_is_said() -> None:
    (line,) = problems(SMALL["types"] | {"only": "local"})
    assert line.startswith("only: ")
    assert "'conv' or 'attention'" in line


@pytest.mark.parametrize("name", SHIPPED)
def test_a_space_without_the_key_has_the_digest_that_it_had(name: str) -> None:
    data = SHIPPED[name]
    whole = read(data).config
    assert read(data | {"only": None}).config == whole
    assert "only" not in whole.canonical_json()
    assert SpaceConfig.from_json(whole.canonical_json()) == whole
    only_conv = restricted(data, "conv").config
    assert SpaceConfig.from_json(only_conv.canonical_json()) == only_conv != whole
