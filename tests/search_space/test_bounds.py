"""Requests of a space or an architecture are bounded before memory or time is spent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from search_space.architecture import Architecture, Task
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError

CONV = {"type": "conv"}
SHARES = [number / 100 for number in range(1, 100)]
AUGMENTED = {"type": "augmented_conv", "kappa": SHARES, "upsilon": SHARES}
WIDTHS = list(range(8, 808, 8))


def stage(**changes: Any) -> dict[str, Any]:
    return {"depth": 2, "width": 8, "primitive": CONV} | changes


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ([stage(depth=10**7)], "stages[0].depth[0]: input should be less than or equal to 1000"),
        ([stage(width=10**7)], "stages[0].width[0]: input should be less than or equal to 65536"),
        ([stage(stride=10**7)], "stages[0].stride: input should be less than or equal to 65536"),
        ([stage(depth=11)] * 100, "the file: a network has at most 1,000 blocks, got 1,100"),
        ([stage()] * 101, "stages: "),
        ([stage(width=list(range(1, 102)))], "stages[0].width: "),
        ([stage(primitive=[CONV] * 101)], "stages[0].primitive: "),
        ([stage(primitive=CONV | {"kernel": 10**7})], "stages[0].primitive[0].kernel: "),
        (
            [stage(primitive=CONV | {"kernel": list(range(1, 203, 2))})],
            "stages[0].primitive[0].kernel: has 101 choices, at most 100",
        ),
        (
            [stage(primitive=AUGMENTED | {"heads": [1, 2]})],
            "stages[0].primitive[0]: has 19,602 combinations of its fields' choices,",
        ),
        (
            [stage(width=WIDTHS, primitive=AUGMENTED)],
            "the space is too large to look through: 1,970,303 combinations",
        ),
        ([stage(width=WIDTHS)] * 9, "the space is too large to look through: 242,119 combinations"),
    ],
)  # fmt: skip
def test_a_space_is_bounded(stages: list[dict[str, Any]], problem: str) -> None:
    described = {"name": "large", "stem": {"type": "conv", "width": 8}, "stages": stages}
    with pytest.raises(ConfigError) as caught:
        SearchSpace.from_mapping(described)
    assert any(line.startswith(problem) for line in caught.value.problems), caught.value
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "change",
    [
        {"stages": [{"width": 10**7, "stride": 1, "blocks": [CONV]}]},
        {"stages": [{"width": 8, "stride": 1, "blocks": [CONV] * 501}] * 2},
        {"stages": [{"width": 8, "stride": 1, "blocks": [CONV | {"kernel": 10**7}]}]},
        {"head": 10**7},
    ],
)
def test_an_architecture_is_bounded(change: dict[str, Any]) -> None:
    block = {"width": 8, "stride": 1, "blocks": [CONV]}
    described = {"stem": {"type": "conv", "width": 8}, "stages": [block]}
    assert Architecture.from_json(json.dumps(described))
    with pytest.raises(
        ValidationError, match=r"less than or equal|at most 1,000 blocks, got 1,002"
    ):
        Architecture.from_json(json.dumps(described | change))


@pytest.mark.parametrize(
    "change",
    [{"input_shape": (3, 10**7, 1)}, {"input_shape": (3, 10**4, 10**4)}, {"classes": 10**8}],
)
def test_a_task_is_bounded(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"up to 65,536 a side|less than or equal"):
        Task(**{"input_shape": (3, 8, 8), "classes": 2} | change)
