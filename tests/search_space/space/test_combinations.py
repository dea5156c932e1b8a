"""Reading a space tries no more combinations than its bound says, and counts them beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from search_space.bounds import MOST_COMBINATIONS
from search_space.space import SearchSpace
from search_space.space.combinations import combinations
from search_space.yaml_validation import ConfigError
from tests.search_space.counted_types import PATH, TRIED

STEM = {"type": f"{PATH}:CountedStem", "width": 8}
PRIMITIVE = {"type": f"{PATH}:CountedPrimitive"}
GATE = {"type": f"{PATH}:CountedGate"}


def described(size: int) -> list[dict[str, Any]]:
    """Spaces that grow with ``size``, each in another part."""
    some, many = list(range(size)), list(range(8, 8 + size))
    stage = {"depth": 1, "width": 8, "primitive": PRIMITIVE}
    of_stages = [
        [stage],
        [stage | {"primitive": [PRIMITIVE | {"a": some, "b": some}]}],
        [stage | {"recalibration": [GATE | {"a": some}], "width": many}],
        [stage | {"width": many}, stage | {"width": many}],
        [stage | {"depth": list(range(1, 9)), "overrides": {i: PRIMITIVE | {"a": some}}}
         for i in range(8)],
    ]  # fmt: skip
    stems = [STEM | {"a": some, "b": some}, STEM, STEM | {"width": many}, STEM, STEM]
    return [
        {"name": "counted", "stem": stem, "stages": stages}
        for stem, stages in zip(stems, of_stages, strict=True)
    ]


@pytest.mark.parametrize("part", range(5), ids=["stem", "fields", "gates", "widths", "overrides"])
def test_no_more_is_tried_than_is_counted(part: int) -> None:
    for size in (3, 35):
        TRIED.clear()
        space = SearchSpace.from_mapping(described(size)[part], imports=True)
        assert size <= len(TRIED) <= combinations(space.config) <= MOST_COMBINATIONS


HUGE = list(range(100))
WIDE = PRIMITIVE | {"a": HUGE, "b": HUGE}


@pytest.mark.parametrize(
    "change",
    [
        {"stem": [STEM | {"a": HUGE, "b": HUGE}] * 6},
        {"stages": [{"depth": 1, "width": [8, 9], "primitive": WIDE}]},
        {"stages": [{"depth": 1, "width": HUGE[1:], "primitive": PRIMITIVE | {"a": HUGE}}] * 2},
        {"stem": [STEM | {"a": HUGE, "b": HUGE, "width": HUGE[1:]}]},
    ],
)  # fmt: skip
def test_nothing_of_a_space_beyond_the_bound_is_tried(change: dict[str, Any]) -> None:
    TRIED.clear()
    with pytest.raises(ConfigError, match=r"\d{2,} combinations of .*, at most \d\d,000"):
        SearchSpace.from_mapping(described(3)[0] | change, imports=True)
    assert TRIED == []
