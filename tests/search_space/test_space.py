"""SearchSpace against a walk through its plain description."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from search_space.alternatives import Parameter
from search_space.architecture import Architecture
from search_space.primitives import Convolution, LocalAttention
from search_space.reading import DescriptionError
from search_space.space import INACTIVE, SearchSpace
from tests.search_space.brute_force import distinct_count, raw_architectures
from tests.search_space.strategies import (
    BASIC,
    CONV_STEM,
    DIGITS,
    SPACE_FILES,
    examples,
    sampled,
    seeds,
)

WHOLE_WALK_LIMIT = 50_000  # architectures


def described(*stages: dict[str, Any], stem: Any = CONV_STEM, **fields: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "block": "basic",
        "expansion": 1,
        "stem": stem,
        "stages": list(stages),
    } | fields


CONV = {"type": "conv", "kernel": 3}
CONVS = {"type": "conv", "kernel": [1, 3]}
AA: dict[str, Any] = {"type": "augmented_conv", "kappa": 0.5, "upsilon": 0.5, "heads": 2}
LOCAL: dict[str, Any] = {"type": "local_attention", "extent": [3, 5], "heads": 2}

SMALL: dict[str, dict[str, Any]] = {
    "one": described({"depth": 1, "width": 4, "primitive": CONV}),
    "depth": described({"depth": [1, 2, 4], "width": [4, 8], "primitive": CONV}),
    "types": described(
        {"depth": 1, "width": 8, "primitive": [CONVS, AA, LOCAL]},
        {"depth": 2, "width": [8, 12], "stride": 2, "primitive": [LOCAL, CONV]},
        stem=[CONV_STEM, {"type": "attention", "width": 4, "mixtures": [1, 2]}],
        block="bottleneck",
        expansion=2,
    ),
    # With 20 key dimensions a head at least, both kappas are one; upsilon 0 is a convolution.
    "repeats by resolution": described(
        {
            "depth": [1, 2],
            "width": [8, 32],
            "primitive": [
                AA | {"kappa": [0.25, 0.5], "upsilon": [0.0, 0.1, 0.2, 0.5, 1.0]},
                CONVS,
            ],
        }
    ),
    "kernels that nothing uses": described(
        {
            "depth": 1,
            "width": [8, 9],
            "primitive": AA
            | {"kernel": [3, 5], "upsilon": [0.5, 1.0], "downsample": [True, False]},
        }
    ),
    "override": described(
        {
            "depth": [1, 2, 3],
            "width": [4, 8],
            "primitive": [CONVS, LOCAL],
            "overrides": {0: CONVS, 2: [CONV, LOCAL | {"heads": [1, 2]}]},
        }
    ),
    "override of the last block": described(
        {"depth": 2, "width": 8, "primitive": LOCAL, "overrides": {1: [CONVS, AA]}}
    ),
    "every block overridden": described(
        {"depth": 1, "width": [4, 8], "primitive": CONVS, "overrides": {0: LOCAL}},
        {"depth": 2, "width": 4, "primitive": LOCAL, "overrides": {0: CONVS, 1: CONVS}},
    ),
    "every block of some depths overridden": described(
        {"depth": [1, 3], "width": 4, "primitive": LOCAL, "overrides": {0: CONVS}},
        {"depth": [1, 2], "width": 4, "primitive": CONVS, "overrides": {0: CONVS, 1: LOCAL}},
    ),
    "upsilon zero alone": described(
        {"depth": [1, 2], "width": 4, "primitive": AA | {"upsilon": 0, "kappa": [0.1, 0.2]}}
    ),
    "booleans": described(
        {"depth": 1, "width": 4, "primitive": LOCAL | {"scaled": [True, False]}},
        stem=CONV_STEM | {"pool": [False, True], "stride": [1, 2]},
    ),
}


@pytest.fixture(params=SMALL, ids=str)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    return SMALL[request.param]


def read(data: dict[str, Any]) -> SearchSpace:
    return SearchSpace.from_mapping(data)


# Size, and what is in it


def test_size_is_the_number_of_distinct_architectures(case: dict[str, Any]) -> None:
    raw = list(raw_architectures(case))
    space = read(case)
    assert space.size == len(set(raw)) == len({one.arch_id for one in raw})
    walked = list(space.architectures())
    assert len(walked) == len(set(walked))
    assert set(walked) == set(raw)
    assert all(map(space.contains, walked))


def test_some_cases_have_repeats_and_others_none() -> None:
    repeats = {
        name: len(list(raw_architectures(data))) - distinct_count(data)
        for name, data in SMALL.items()
    }
    assert {name for name, count in repeats.items() if count} == {
        "repeats by resolution",
        "kernels that nothing uses",
        "upsilon zero alone",
    }
    assert distinct_count(SMALL["one"]) == 1


@pytest.mark.parametrize("path", SPACE_FILES, ids=lambda path: path.stem)
def test_size_of_every_space_file(path: Path) -> None:
    data = yaml.safe_load(path.read_text())
    space = SearchSpace.from_yaml(path)
    assert space.size == distinct_count(data)
    if space.size <= WHOLE_WALK_LIMIT:
        walked = set(space.architectures())
        assert len(walked) == space.size
        assert walked == set(raw_architectures(data))


def test_there_is_a_space_for_digits() -> None:
    assert "digits" in [path.stem for path in SPACE_FILES]


@pytest.mark.parametrize("path", SPACE_FILES, ids=lambda path: path.stem)
def test_every_space_file_says_what_it_is_for(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# ")
    assert any(line.startswith("# Command: ") for line in lines)


# Vectors


def walk_along(space: SearchSpace, prefix: tuple[int, ...]) -> tuple[np.ndarray, list[int]]:
    """The vector whose first active choices are ``prefix``, and how many each parameter has."""
    lengths: list[int] = []

    def choose(parameter: Parameter) -> int:
        lengths.append(len(parameter.choices))
        return prefix[len(lengths) - 1] if len(lengths) <= len(prefix) else 0

    return space.walk(choose), lengths


def all_vectors(space: SearchSpace) -> list[np.ndarray]:
    """Every vector of active choices, found by walking down all branches."""
    found: list[np.ndarray] = []
    todo: list[tuple[int, ...]] = [()]
    while todo:
        prefix = todo.pop()
        vector, lengths = walk_along(space, prefix)
        if len(lengths) > len(prefix):
            todo += [(*prefix, choice) for choice in range(lengths[len(prefix)])]
        else:
            found.append(vector)
    return found


def test_decode_reaches_everything_and_encode_is_canonical(case: dict[str, Any]) -> None:
    space = read(case)
    vectors = all_vectors(space)
    assert len(vectors) == len(list(raw_architectures(case)))
    canonical: dict[Architecture, tuple[int, ...]] = {}
    for vector in vectors:
        architecture = space.decode(vector)
        encoded = space.encode(architecture)
        assert encoded.dtype == np.int64
        assert encoded.shape == (len(space.parameters),)
        assert space.decode(encoded) == architecture
        assert canonical.setdefault(architecture, tuple(encoded)) == tuple(encoded)
    assert set(canonical) == set(space.architectures())
    # No two architectures share a vector, and each one's is among those that decode to it.
    assert len(set(canonical.values())) == space.size
    assert set(canonical.values()) <= {tuple(vector) for vector in vectors}


def test_encode_and_decode_are_inverse_on_every_architecture(case: dict[str, Any]) -> None:
    space = read(case)
    for architecture in space.architectures():
        vector = space.encode(architecture)
        assert space.decode(vector) == architecture
        assert space.decode(vector.tolist()) == architecture
        assert np.array_equal(space.encode(space.decode(vector)), vector)


@examples(40)
@given(seed=seeds())
def test_samples_of_large_spaces(seed: int) -> None:
    for space in (DIGITS, BASIC):
        architecture = sampled(space, seed)
        assert space.contains(architecture)
        assert space.decode(space.encode(architecture)) == architecture
        assert space.from_params(space.params_of(architecture)) == architecture


@examples(40)
@given(data=st.data())
def test_inactive_entries_do_not_matter(data: st.DataObject) -> None:
    architecture = sampled(BASIC, data.draw(seeds()))
    vector = BASIC.encode(architecture)
    noise = st.integers(min_value=-5, max_value=5)
    filled = [data.draw(noise) if choice == INACTIVE else int(choice) for choice in vector]
    assert BASIC.decode(filled) == architecture


def test_decode_refuses_what_is_no_point() -> None:
    space = read(SMALL["types"])
    vector = space.encode(sampled(space, 0))
    with pytest.raises(ValueError, match=rf"small has {len(vector)} parameters, got 3"):
        space.decode([0, 0, 0])
    for wrong in (INACTIVE, 99):
        changed = vector.copy()
        changed[0] = wrong
        with pytest.raises(ValueError, match=rf"stem.type must be an index below 2, got {wrong}"):
            space.decode(changed)


# Membership


def test_contains_refuses_its_neighbours_outside() -> None:
    space = read(SMALL["types"])
    params = {"stem.type": "conv", "stage1.type": "conv", "stage1.conv.kernel": 3}
    params |= {"stage2.width": 8, "stage2.type": "conv"}
    inside = space.from_params(params)
    first, second = inside.stages
    mixed = (Convolution(), LocalAttention(extent=3, heads=2))
    outside = {
        "holds block=bottleneck, got basic": inside.replace(block="basic", expansion=1),
        "holds expansion=2, got 3": inside.replace(expansion=3),
        "has 2 stages, got 1": inside.replace(stages=(first,)),
        "stem: conv3-stem w5 is not among the 3": inside.replace(stem=inside.stem.replace(width=5)),
        "stage 1: conv7 is not among": inside.replace(
            stages=(first.replace(blocks=(Convolution(kernel=7),)), second)
        ),
        "stage 1: depth must be in [1] and width in [8], got depth=2": inside.replace(
            stages=(first.replace(blocks=first.blocks * 2), second)
        ),
        "got depth=2, width=16": inside.replace(
            stages=(first, second.replace(width=16, blocks=(Convolution(),) * 2))
        ),
        "stage 2: stride must be 2, got 1": inside.replace(
            stages=(first, second.replace(stride=1))
        ),
        "stage 2: its blocks must share one primitive": inside.replace(
            stages=(first, second.replace(blocks=mixed))
        ),
    }
    assert space.contains(inside)
    for message, architecture in outside.items():
        assert not space.contains(architecture)
        with pytest.raises(ValueError) as caught:  # noqa: PT011 (compared below, brackets and all)
            space.encode(architecture)
        assert message in str(caught.value)


# Sampling and mutation


def test_sample_is_deterministic_by_seed() -> None:
    for space in (DIGITS, BASIC):
        draws = [
            [space.sample(rng) for _ in range(20)]
            for rng in (np.random.default_rng(5), np.random.default_rng(5))
        ]
        assert draws[0] == draws[1]
        assert len(set(draws[0])) > 10
        assert draws[0] != [sampled(space, 6 + index) for index in range(20)]


def test_sample_draws_every_type_alike_and_reaches_everything() -> None:
    space = read(SMALL["types"])
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(900)]
    types = [architecture.stages[0].blocks[0].type for architecture in drawn]
    # 900 draws of 3 types: 300 each, standard deviation 14; 5 of those on either side.
    for kind in ("conv", "augmented_conv", "local_attention"):
        assert 230 < types.count(kind) < 370
    assert set(drawn) == set(space.architectures())


def test_neighbours(case: dict[str, Any]) -> None:
    space = read(case)
    for architecture in space.architectures():
        near = space.neighbours(architecture)
        assert architecture not in near
        assert len(set(near)) == len(near)
        assert all(map(space.contains, near))
        assert near == space.neighbours(architecture)


def test_neighbours_are_symmetric_where_each_architecture_has_one_vector() -> None:
    for name, data in SMALL.items():
        if len(list(raw_architectures(data))) != distinct_count(data):
            continue
        space = read(data)
        near = {one: set(space.neighbours(one)) for one in space.architectures()}
        assert all(one in near[other] for one, others in near.items() for other in others), name


def test_every_architecture_can_be_reached_by_mutations(case: dict[str, Any]) -> None:
    space = read(case)
    start = next(space.architectures())
    reached, todo = {start}, [start]
    while todo:
        new = set(space.neighbours(todo.pop())) - reached
        reached |= new
        todo += new
    assert reached == set(space.architectures())


def test_neighbours_by_hand() -> None:
    space = read(SMALL["override"])
    params = {"stage1.depth": 1, "stage1.width": 8, "stage1.block0.conv.kernel": 3}
    changes = space.changes(space.from_params(params))
    assert list(changes) == ["stage1.depth", "stage1.width", "stage1.block0.conv.kernel"]
    assert {name: len(found) for name, found in changes.items()} == {
        # To 2 blocks: the shared primitive's 2 convolutions and 2 extents come into being. To 3
        # blocks: each with what block 2 may be, 1 convolution and 2 extents with 2 heads.
        "stage1.depth": 4 + 4 * 5,
        "stage1.width": 1,
        "stage1.block0.conv.kernel": 1,
    }
    narrow = space.from_params(params | {"stage1.width": 4})
    assert changes["stage1.width"] == [narrow]
    for name, found in changes.items():
        for other in found:
            assert space.params_of(other)[name] != params[name]
            kept = {key: value for key, value in params.items() if key != name}
            assert kept.items() <= space.params_of(other).items()


@examples(40)
@given(seed=seeds())
def test_mutation(seed: int) -> None:
    for space in (DIGITS, BASIC):
        architecture = sampled(space, seed)
        child = space.mutate(architecture, np.random.default_rng(seed))
        assert child != architecture
        assert space.contains(child)
        assert child in space.neighbours(architecture)
        assert child == space.mutate(architecture, np.random.default_rng(seed))


def test_mutation_gives_each_parameter_the_same_chance() -> None:
    space = read(SMALL["override"])
    params = {"stage1.depth": 1, "stage1.width": 8, "stage1.block0.conv.kernel": 3}
    parent = space.from_params(params)
    rng = np.random.default_rng(0)
    changed = dict.fromkeys(params, 0)
    for _ in range(600):
        found = space.params_of(space.mutate(parent, rng))
        (name,) = [key for key, value in params.items() if found[key] != value]
        changed[name] += 1
    # 200 each, standard deviation 12, although depth leads to 24 architectures of 26.
    assert all(140 < count < 260 for count in changed.values()), changed


def test_nothing_to_mutate() -> None:
    space = read(SMALL["one"])
    only = sampled(space, 0)
    assert space.parameters == ()
    assert space.neighbours(only) == []
    with pytest.raises(ValueError, match="small: no architecture is one parameter away"):
        space.mutate(only, np.random.default_rng(0))
    collapsed = read(described({"depth": 1, "width": 4, "primitive": AA | {"kappa": [0.1, 0.2]}}))
    assert collapsed.size == 1  # though it has a parameter with two choices
    with pytest.raises(ValueError, match="no architecture is one parameter away"):
        collapsed.mutate(sampled(collapsed, 0), np.random.default_rng(0))


# Parameters by name


def test_params_are_the_active_ones(case: dict[str, Any]) -> None:
    space = read(case)
    choices = {parameter.name: parameter.choices for parameter in space.parameters}
    assert len(choices) == len(space.parameters)
    for architecture in space.architectures():
        params = space.params_of(architecture)
        active = np.flatnonzero(space.encode(architecture) != INACTIVE)
        assert list(params) == [space.parameters[index].name for index in active]
        assert all(value in choices[name] for name, value in params.items())
        assert space.from_params(params) == architecture
        assert space.from_params(params | {"something else": 1}) == architecture


def test_conditional_parameters_are_absent_when_inactive() -> None:
    space = read(SMALL["types"])
    for architecture in space.architectures():
        names = set(space.params_of(architecture))
        first, second = (stage.blocks[0].type for stage in architecture.stages)
        assert ("stem.attention.mixtures" in names) == (architecture.stem.type == "attention")
        assert ("stage1.conv.kernel" in names) == (first == "conv")
        assert ("stage1.local_attention.extent" in names) == (first == "local_attention")
        assert ("stage2.local_attention.extent" in names) == (second == "local_attention")
        assert {"stem.type", "stage1.type", "stage2.type", "stage2.width"} <= names
        assert len(names) <= 7
    overridden = read(SMALL["override"])
    for architecture in overridden.architectures():
        names = set(overridden.params_of(architecture))
        depth = len(architecture.stages[0].blocks)
        assert "stage1.block0.conv.kernel" in names
        assert ("stage1.type" in names) == (depth > 1)
        assert ("stage1.block2.type" in names) == (depth > 2)


def test_params_that_make_no_architecture() -> None:
    space = read(SMALL["depth"])
    with pytest.raises(ValueError, match=r"small: parameter stage1.width is missing"):
        space.from_params({"stage1.depth": 1})
    with pytest.raises(
        ValueError, match=r"small: parameter stage1.depth must be one of \[1, 2, 4\], got 3"
    ):
        space.from_params({"stage1.depth": 3, "stage1.width": 4})


def test_conditions_name_earlier_parameters(case: dict[str, Any]) -> None:
    for space in (read(case), DIGITS, BASIC):
        for index, parameter in enumerate(space.parameters):
            assert len(parameter.choices) > 1
            for earlier, allowed in parameter.conditions:
                assert earlier < index
                assert allowed < set(range(len(space.parameters[earlier].choices))) or not allowed


# Problems at load


def problems(data: Any) -> list[str]:
    with pytest.raises(DescriptionError) as caught:
        SearchSpace.from_mapping(data, "space.yaml")
    lines = str(caught.value).split("\n  ")
    assert lines == ["space.yaml:", *caught.value.problems]
    return caught.value.problems


def stage_with(**fields: Any) -> dict[str, Any]:
    return described({"depth": 1, "width": 8, "primitive": CONV} | fields)


PROBLEMS: list[tuple[Any, list[str]]] = [
    (
        stage_with(width=[8, 10, 12], primitive=LOCAL | {"heads": [4, 2]}),
        [
            "stages[0].primitive at width 10: heads must divide the output channels, "
            "got channels=10, heads=4"
        ],
    ),
    (
        stage_with(primitive=[CONV, LOCAL | {"heads": [3, 5]}]),
        [
            "stages[0].primitive at width 8: heads must divide the output channels, "
            f"got channels=8, heads={heads}"
            for heads in (3, 5)
        ],
    ),
    (
        stage_with(primitive=AA | {"heads": 16}),
        [
            "stages[0].primitive at width 8: heads must not exceed the output channels, "
            "got heads=16, channels=8"
        ],
    ),
    (
        stage_with(depth=2, overrides={1: LOCAL | {"heads": 3}}),
        [
            "stages[0].overrides.1 at width 8: heads must divide the output channels, "
            "got channels=8, heads=3"
        ],
    ),
    (described() | {"stages": []}, ["stages: tuple should have at least 1 item*"]),
    (described() | {"stages": "none"}, ["stages: input should be a valid array, got 'none'"]),
    (
        stage_with() | {"blocks": "basic"},
        ["blocks: unknown key; did you mean 'block'?"],
    ),
    (stage_with(deph=2), ["stages[0].deph: unknown key; did you mean 'depth'?"]),
    (
        stage_with(zzz=2),
        ["stages[0].zzz: unknown key; known: depth, overrides, primitive, stride, width"],
    ),
    (
        stage_with(primitive={"type": "conv", "kernal": 3}),
        ["stages[0].primitive[0].kernal: unknown key; did you mean 'kernel'?"],
    ),
    (
        stage_with(primitive={"type": "convv"}),
        [
            "stages[0].primitive[0].type: unknown primitive type 'convv'; did you mean 'conv'? "
            "(your own: type: my_package.module:Class)"
        ],
    ),
    (
        stage_with() | {"stem": {"type": "atention"}},
        [
            "stem[0].type: unknown stem type 'atention'; did you mean 'attention'? "
            "(your own: type: my_package.module:Class)"
        ],
    ),
    (
        stage_with(primitive={"type": "pooling"}),
        [
            "stages[0].primitive[0].type: unknown primitive type 'pooling'; known: conv, "
            "augmented_conv, local_attention (your own: type: my_package.module:Class)"
        ],
    ),
    (
        stage_with(primitive={"kernel": 3}),
        ["stages[0].primitive[0].type: an alternative needs one type"],
    ),
    (
        stage_with(primitive={"type": ["conv", "local_attention"]}),
        ["stages[0].primitive[0].type: an alternative needs one type"],
    ),
    (
        stage_with(primitive={"type": "augmented_conv", "kappa": 0.5}),
        ["stages[0].primitive[0].upsilon: missing, but needed"],
    ),
    (
        stage_with(primitive=AA | {"kappa": [0.5, 1.5], "kernel": [3, 4]}),
        [
            "stages[0].primitive[0].kernel: kernel must be odd, got kernel=4",
            "stages[0].primitive[0].kappa: input should be less than or equal to 1, got 1.5",
        ],
    ),
    (
        stage_with(primitive={"type": "conv", "kernel": "3"}),
        ["stages[0].primitive[0].kernel: input should be a valid integer, got '3'"],
    ),
    (
        stage_with(primitive={"type": "conv", "kernel": [3, 5, 3]}),
        ["stages[0].primitive[0].kernel: repeats a choice, got [3, 5, 3]"],
    ),
    (
        stage_with(depth=[1, 1], width=[8, 4, 8]),
        [
            "stages[0].depth: repeats a choice, got [1, 1]",
            "stages[0].width: repeats a choice, got [8, 4, 8]",
        ],
    ),
    (
        stage_with(primitive=[CONV, AA, CONV]),
        ["stages[0].primitive: type 'conv' stands twice; merge the two into lists"],
    ),
    (
        stage_with(primitive={"type": "conv", "kernel": []}),
        ["stages[0].primitive[0].kernel: needs at least one choice"],
    ),
    (stage_with(primitive=[]), ["stages[0].primitive: needs at least one alternative"]),
    (stage_with() | {"stem": []}, ["stem: needs at least one alternative"]),
    (stage_with(depth=[]), ["stages[0].depth: value should have at least 1 item*"]),
    (stage_with(width=[]), ["stages[0].width: value should have at least 1 item*"]),
    (
        stage_with(width=[8, 0]),
        ["stages[0].width[1]: input should be greater than or equal to 1, got 0"],
    ),
    (
        stage_with(depth=[1, 2], overrides={2: CONV}),
        ["stages[0].overrides.2: a stage of depth 2 has no block 2"],
    ),
    (
        stage_with(overrides={-1: CONV}),
        ["stages[0].overrides.-1: a stage of depth 1 has no block -1"],
    ),
    (
        stage_with() | {"expansion": 4},
        ["expansion: a basic block's must be 1, got 4"],
    ),
    (
        {key: value for key, value in stage_with().items() if key not in ("name", "stem")},
        ["name: missing, but needed", "stem: missing, but needed"],
    ),
    (
        stage_with() | {"block": "wide"},
        ["block: input should be 'basic' or 'bottleneck', got 'wide'"],
    ),
    (None, ["the file: input should be an object, got None"]),
    ([1], ["the file: input should be an object, got [1]"]),
]


@pytest.mark.parametrize(("data", "wanted"), PROBLEMS, ids=lambda value: None)
def test_problems_are_named_with_their_place(data: Any, wanted: list[str]) -> None:
    found = problems(data)
    assert len(found) == len(wanted), found
    for line, beginning in zip(found, wanted, strict=True):
        # Of pydantic's own sentences the beginning will do: ours are compared to the end.
        assert line == beginning or (beginning[-1] == "*" and line.startswith(beginning[:-1]))


def test_all_problems_at_once() -> None:
    data = described(
        {
            "depth": [2, 2],
            "width": 8,
            "primitive": [{"type": "cnov"}, {"type": "conv", "kernel": 2}],
            "overrides": {5: CONV},
        },
        {"depth": 1, "width": [8, 9], "primitive": LOCAL},
        stem={"type": "attention", "width": 6},
    )
    assert problems(data) == [
        "stem[0]: heads must divide the stem's width, got width=6, heads=4",
        "stages[0].depth: repeats a choice, got [2, 2]",
        "stages[0].overrides.5: a stage of depth 2 has no block 5",
        "stages[0].primitive[0].type: unknown primitive type 'cnov'; did you mean 'conv'? "
        "(your own: type: my_package.module:Class)",
        "stages[0].primitive[1].kernel: kernel must be odd, got kernel=2",
        "stages[1].primitive at width 9: heads must divide the output channels, "
        "got channels=9, heads=2",
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def problem(path: Path) -> str:
        with pytest.raises(DescriptionError) as caught:
            SearchSpace.from_yaml(path)
        assert str(caught.value).startswith(f"{path}:\n")
        (line,) = caught.value.problems
        return line

    assert problem(tmp_path / "nowhere.yaml") == "no such file"
    assert problem(tmp_path) == "is a folder, not a file"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("stages: [1, 2\nstem: {")
    assert problem(wrong).startswith("not YAML: ")
    wrong.write_bytes(b"\xff\xfe\x00\x80")
    assert problem(wrong).startswith("not YAML: ")
    wrong.write_text("a: !!python/object/apply:os.getcwd []")
    assert problem(wrong).startswith("not YAML: ")
    wrong.write_text("")
    assert problem(wrong) == "the file: input should be an object, got None"
    wrong.write_text("name: 2020-01-01")
    assert "not plain data" in problem(wrong)


def test_a_file_is_read_as_its_content(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    for data in SMALL.values():
        path.write_text(yaml.safe_dump(data))
        assert set(SearchSpace.from_yaml(path).architectures()) == set(read(data).architectures())


def test_single_values_stand_for_lists_of_one() -> None:
    one = read(
        described({"depth": [1], "width": [4], "primitive": [{"type": "conv", "kernel": [3]}]})
    )
    assert list(one.architectures()) == list(read(SMALL["one"]).architectures())


def test_sizes_by_hand() -> None:
    sizes = {name: read(data).size for name, data in SMALL.items()}
    local = 2 * 1  # extents by heads
    assert sizes["one"] == 1
    assert sizes["depth"] == 3 * 2
    assert sizes["types"] == 3 * (2 + 1 + local) * 2 * (local + 1)
    assert sizes["every block overridden"] == 2 * local * 2 * 2
    shared, last = 2 + local, 1 + 2 * 2
    assert sizes["override"] == 2 * sum(2 * more for more in (1, shared, shared * last))
    # By width 8: d_v of 0, 2 (never under the heads), 2, 4, 8; by 32: 0, 2, 6, 16, 32; the
    # kappas are one, and upsilon 0 is the 3x3 convolution of the other type.
    assert sizes["repeats by resolution"] == 2 * ((3 + 2) + (4 + 2))
    # At width 8 upsilon 1 leaves no kernel to choose; at 9 it leaves one channel to it.
    assert sizes["kernels that nothing uses"] == 2 * (3 + 4)
    assert sizes["upsilon zero alone"] == 2
    grid = product((1, 2), (False, True), (3, 5), (True, False))
    assert sizes["booleans"] == len(list(grid))
