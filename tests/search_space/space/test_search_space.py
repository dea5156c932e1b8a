"""The architectures of a search space, against a walk through its plain description."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from search_space.primitives import Convolution, LocalAttention
from search_space.space import SearchSpace
from tests.search_space.brute_force import distinct_count, raw_architectures
from tests.search_space.small_spaces import SMALL, described, read
from tests.search_space.strategies import (
    SPACE_FILES,
)

WHOLE_WALK_LIMIT = 50_000  # architectures


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
        "recalibration",
        "mobile",
        "detectors",
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
    assert path.read_text().startswith("# ")


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
    # Windows of 1 are one operator, whatever their heads.
    assert sizes["detectors"] == 2 * 2 * 2 * 2 * (2 * (1 + 1 + 2)) * 2
    assert sizes["detectors of one kind"] == 2 * 2
    grid = product((1, 2), (False, True), (3, 5), (True, False))
    assert sizes["booleans"] == len(list(grid))


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
