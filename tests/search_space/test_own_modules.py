"""Modules of a user's own types: where they are found, and messages where they cannot be."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from search_space.own_modules import import_own, names_own_type
from search_space.space import SearchSpace
from search_space.space.architecture_file import read_architecture_and_task
from search_space.yaml_validation import ConfigError
from tests.search_space.own_primitive import PATH
from tests.search_space.strategies import CONV_STEM


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder; modules imported from it are forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def test_a_module_in_the_working_folder(folder):
    (folder / "in_the_working_folder.py").write_text("answer = 42")
    assert import_own("in_the_working_folder").answer == 42


def test_what_is_installed_goes_before_the_working_folder(folder):
    (folder / "colorsys.py").write_text("raise RuntimeError")
    sys.modules.pop("colorsys", None)
    assert import_own("colorsys").hsv_to_rgb(0, 0, 1) == (1, 1, 1)


def test_a_module_beside_the_file_that_names_it(folder):
    beside = folder / "beside"
    beside.mkdir()
    (beside / "own_beside.py").write_text(
        "from typing import Literal\n"
        "from tests.search_space.own_primitive import Anywhere\n"
        "class Mine(Anywhere):\n"
        "    type: Literal['own_beside:Mine'] = 'own_beside:Mine'\n"
    )
    stage = {"depth": 1, "width": 8, "primitive": {"type": "own_beside:Mine"}}
    file = beside / "own.json"
    file.write_text(json.dumps({"name": "own", "stem": CONV_STEM, "stages": [stage]}))
    for read in (SearchSpace.from_yaml, read_architecture_and_task):
        with pytest.raises(ConfigError, match="--trust"):
            read(file)
        assert not any(str(beside) in place for place in sys.path)
    assert SearchSpace.from_yaml(file, imports=True).size == 1
    assert read_architecture_and_task(file, imports=True)[0].primitive_types() == (
        "own_beside:Mine",
    )


@pytest.mark.parametrize("name", ["not_there", "not_there.inside"])
def test_a_module_that_is_not_there(folder, name):
    with pytest.raises(ValueError, match="No module named 'not_there' in the working") as caught:
        import_own(name)
    assert str(folder) in str(caught.value)
    assert "set PYTHONPATH to the folder that holds 'not_there'" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n1 / 0", "broken.py, line 2: ZeroDivisionError: division by zero"),
        ("import not_there", "broken.py, line 1: ModuleNotFoundError: No module named 'not_there'"),
        (
            "from math import nothing",
            "broken.py, line 1: ImportError: cannot import name 'nothing'",
        ),
        ("a = 1\nb = (", "SyntaxError: '(' was never closed (broken.py, line 2)"),
    ],
)
def test_a_module_that_raises_is_told_with_its_line(folder, text, told):
    (folder / "broken.py").write_text(text)
    with pytest.raises(ConfigError) as caught:
        SearchSpace.from_mapping(
            {
                "name": "own",
                "stem": CONV_STEM,
                "stages": [{"depth": 1, "width": 8, "primitive": {"type": "broken:Mine"}}],
            },
            imports=True,
        )
    (problem,) = caught.value.problems
    assert problem.startswith("stages[0].primitive[0].type: primitive type 'broken:Mine' cannot be")
    assert told in problem


@pytest.mark.parametrize("name", ["", ".own", "own..inner", "a/b", "a b", "a\0", "1a"])
def test_a_name_that_is_no_modules(name):
    with pytest.raises(ValueError, match="a module's name is like my_package"):
        import_own(name)


@pytest.mark.parametrize(
    ("key", "named", "wanted"),
    [
        ("stem", "stem", "search_space.primitives.stem.Stem"),
        ("primitive", "primitive", "search_space.primitives.primitive.Primitive"),
        (
            "recalibration",
            "channel attention",
            "search_space.primitives.channel_attention.channel_attention.ChannelAttention",
        ),
    ],
)
@pytest.mark.parametrize(
    ("class_name", "told"),
    [
        ("Mean", "is a subclass of torch.nn.modules.module.Module"),
        ("PATH", "is no class"),
    ],
)
def test_the_class_to_subclass_is_named(key, named, wanted, class_name, told):
    stage: dict[str, Any] = {"depth": 1, "width": 8, "primitive": {"type": "conv"}}
    data: dict[str, Any] = {"name": "own", "stem": CONV_STEM, "stages": [stage]}
    (data if key == "stem" else stage)[key] = {"type": f"{PATH}:{class_name}"}
    with pytest.raises(ConfigError) as caught:
        SearchSpace.from_mapping(data, imports=True)
    (problem,) = caught.value.problems
    assert problem.endswith(
        f"{named} type '{PATH}:{class_name}' {told}, but must be one of {wanted}"
    )


def test_own_types_are_seen_anywhere():
    own = {"stages": [{"overrides": {0: [{"type": "conv"}, {"type": "my.module:Class"}]}}]}
    assert names_own_type(own)
    assert not names_own_type({"type": "conv", "name": "a:b", "of": [{"type": ["x:y"]}, 3]})
