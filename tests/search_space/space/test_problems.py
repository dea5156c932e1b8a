"""Messages about files that describe no search space."""

from pathlib import Path
from typing import Any

import pytest

from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError
from tests.search_space.small_spaces import AA, CONV, LOCAL, described


def problems(data: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
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
        [
            "stages[0].zzz: unknown key; known: depth, overrides, primitive, recalibration, "
            "stride, width"
        ],
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
            "augmented_conv, identity, inverted_bottleneck, local_attention "
            "(your own: type: my_package.module:Class)"
        ],
    ),
    (
        stage_with(primitive={"kernel": 3}),
        ["stages[0].primitive[0].type: exactly one type is needed"],
    ),
    (
        stage_with(primitive={"type": ["conv", "local_attention"]}),
        ["stages[0].primitive[0].type: exactly one type is needed"],
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
        stage_with(primitive={"type": "conv", "kernel": []}),
        ["stages[0].primitive[0].kernel: needs at least one choice"],
    ),
    (stage_with(primitive=[]), ["stages[0].primitive: needs at least one choice"]),
    (stage_with() | {"stem": []}, ["stem: needs at least one choice"]),
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
        ["block: input should be 'bottleneck', 'basic' or 'inverted_bottleneck', got 'wide'"],
    ),
    (None, ["the file: input should be an object, got None"]),
    ([1], ["the file: input should be an object, got [1]"]),
]


@pytest.mark.parametrize(("data", "wanted"), PROBLEMS, ids=lambda value: None)
def test_problems_are_named_with_their_place(data: Any, wanted: list[str]) -> None:
    lines = problems(data)
    assert len(lines) == len(wanted), lines
    for line, beginning in zip(lines, wanted, strict=True):
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
        with pytest.raises(ConfigError) as caught:
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
    assert "line 1, column 4: the tag" in problem(wrong)
    wrong.write_text("")
    assert problem(wrong) == "the file: input should be an object, got None"
