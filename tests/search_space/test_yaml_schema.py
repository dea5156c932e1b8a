"""YAML is read by one schema everywhere; hostile content gives one message with its line."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from search_space import yaml_schema
from search_space.yaml_schema import MOST_CHARACTERS, MOST_NESTED
from search_space.yaml_validation import ConfigError, dump_yaml, parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-4", 0.0005),
        ("-1E3", -1000.0),
        ("1e-1", 0.1),
        (".5", 0.5),
        ("+1.", 1.0),
        ("010", 10),
        ("-007", -7),
        ("0o17", 15),
        ("0x1F", 31),
        (str(2**63), 2**63),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("2024-13-45", "2024-13-45"),
        ("yes", "yes"),
        ("no", "no"),
        ("On", "On"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("-.inf", -math.inf),
        ("!!str 12", "12"),
        ("!!float 3", 3.0),
        (r'"\ud83d\ude00"', "\N{GRINNING FACE}"),
        ("{a: &a {x: 1}, b: {<<: *a, y: 2}}", {"a": {"x": 1}, "b": {"x": 1, "y": 2}}),
        ("{a: &a {x: 1}, b: {<<: *a, x: 2}}", {"a": {"x": 1}, "b": {"x": 2}}),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    parsed = parse_yaml(text, "a text")
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 3", "line 4, column 3: the key 'c' stands twice, first in line 3"),
        ("{1: x, '1': y}", "the key '1' stands twice"),
        ("{<<: {a: 1}, <<: {a: 2}}", "the key '<<' stands twice"),
        ("- !!int abc", "line 1, column 3: must be a whole number, got 'abc'"),
        ("!!bool yes", "must be true or false"),
        ("!!timestamp 2024-13-45", "timestamp' is not read"),
        ("!!set {a}", "set' is not read"),
        ("a: " + "9" * 5000, "line 1, column 4: a whole number over 64 bits, of 5,000 digits"),
        (str(2**63 + 1), "a whole number over 64 bits"),
        ("[" * 3000, f"line 1, column {MOST_NESTED + 1}: nested more than {MOST_NESTED} deep"),
        ("a: &x [1, *x]", "line 1, column 11: an alias contains itself"),
        ("&x {a: *x}", "an alias contains itself"),
        ("? [a]\n: b", "a key must be text or a number"),
        (r'a: "\ud800"', "line 1, column 4: the lone surrogate U+D800 in a text"),
        (r'a: "\0"', "line 1, column 4: the control character U+0000 in a text"),
        (r'a: "\e[31m"', "the control character U+001B"),
        (r'"\UFFFFFFFF"', "not YAML: "),
        ("a: *b", "not YAML: line 1, column 4: found undefined alias 'b'"),
        ("a: 1\n---\nb: 2", "another document"),
        ("a: 1\nb: x\x00", "not YAML: line 2, column 5: the character U+0000"),
    ],
)  # fmt: skip
def test_what_is_refused_is_one_problem_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=r"^the file:\n") as caught:
        parse_yaml(text, "the file")
    assert len(caught.value.problems) == 1
    assert problem in caught.value.problems[0]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            r'"postgresql://nas:s3cret\e@host/db"',
            "column 10: the control character U+001B in a text",
        ),
        (r'"postgresql://nas:s3cret\ud800@host/db"', "the lone surrogate U+D800 in a text"),
        ("postgresql://nas:s3cret\x1b@host/db", "column 33: the character U+001B"),
        ("*s3cret", "column 10: found undefined alias (not shown)"),
        ("!s3cret x", "column 10: the tag (not shown) is not read"),
        ("\n  !s3cret x", "line 3, column 3: the tag (not shown) is not read"),
        ("!!int s3cret", "column 10: must be a whole number, got (not shown)"),
        ("&s3cret x\nb: &s3cret y", "second occurrence"),
        ("a\nstorage: b", "line 3, column 1: the key 'storage' stands twice, first in line 2"),
    ],
)
def test_no_problem_repeats_a_part_of_a_storage(value: str, problem: str) -> None:
    for key in ("storage", "'storage'"):
        with pytest.raises(ConfigError) as caught:
            parse_yaml(f"seed: 1\n{key}: {value}\n", "the file")
        assert "s3cret" not in str(caught.value)
        assert problem in str(caught.value) or key != "storage"


def bomb_of_aliases(first: str, by_line: str, lines: int) -> str:
    """Each line holds the one before several times."""
    names = [f"n{number}" for number in range(lines + 1)]
    text = f"n0: &n0 {first}\n"
    for before, name in pairwise(names):
        text += f"{name}: &{name} {by_line.replace('?', f'*{before}')}\n"
    return text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (bomb_of_aliases("[x, x, x]", "[?, ?, ?, ?, ?, ?, ?, ?, ?]", 9), "written out"),
        (bomb_of_aliases("y" * 1000, "[?, ?, ?, ?]", 9), "written out"),
        (bomb_of_aliases("[x]", "[?]", 100), f"nested more than {MOST_NESTED} deep"),
        (bomb_of_aliases("{x: 1}", "{<<: [?, ?, ?, ?, ?, ?, ?, ?]}", 9), "written out"),
    ],
)
def test_a_document_is_bounded_with_its_aliases_written_out(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_yaml(text, "the file")


def test_values_and_keys_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert yaml_schema.MOST_NODES == 30_000  # what takes a second or two to read
    monkeypatch.setattr(yaml_schema, "MOST_NODES", 30)
    assert len(parse_yaml("[" + "a," * 29 + "]", "the file")) == 29
    with pytest.raises(ConfigError, match="over 30 values and keys"):
        parse_yaml("[" + "a," * 30 + "]", "the file")


def test_files_that_are_none(tmp_path: Path) -> None:
    def problem(path: Path | str) -> str:
        with pytest.raises(ConfigError) as caught:
            read_yaml(Path(path))
        (line,) = caught.value.problems
        return line

    file = tmp_path / "a.yaml"
    file.write_bytes(b"# " + b"x" * MOST_CHARACTERS)
    assert problem(file) == f"is over {MOST_CHARACTERS:,} bytes"
    assert problem("/dev/zero") == f"is over {MOST_CHARACTERS:,} bytes"
    assert problem(file / "inner.yaml") == "cannot be read: Not a directory"
    assert problem(tmp_path / ("x" * 300)) == "cannot be read: File name too long"
    assert "null byte" in problem("a\0b")
    assert "surrogates not allowed" in problem("a\ud800b")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert "symbolic links" in problem(loop)


def test_what_is_written_is_read_back_and_by_yaml_1_1_too() -> None:
    values = ["yes", "010", "0o17", "1_000", "1:30", "5e-4", "2024-01-01", "null", "~", "", " a "]
    values += ["<<", "true", ".inf", "é", "a: b", "# no", "1e3", "0x1F", "- a", "\N{GRINNING FACE}"]
    data = {"texts": values, "numbers": [8, 0.0005, 1e-05, 1e300, -0.0], "none": None, "no": False}
    text = dump_yaml(data)
    assert parse_yaml(text, "itself") == data
    assert yaml.safe_load(text) == data


def test_json_is_read_as_json_reads_it() -> None:
    data = {"a": [1, 2.5e-7, None, True, '\N{GRINNING FACE} é \\ " / \n'], "b": {"010": {}}}
    assert parse_yaml(json.dumps(data), "a") == data
    assert parse_yaml(json.dumps(data, indent=2, ensure_ascii=False), "a") == data


def test_any_mutated_text_is_read_or_one_message() -> None:
    rng = random.Random(0)
    source = "a: &a {b: 1, c: [5e-4, 010, yes, 'x']}\nd: [*a, {<<: *a, f: \"\\u00e9\"}]\n"
    source += "? g\n: |\n  h\n"
    pieces = ["&a ", "*a", "[", "]", "{", "}", "<<: ", "!!int ", "!!", '"\\ud800"', "\n", "  "]
    pieces += ["- ", "? ", ": ", "'", '"', "|", ">", "%", "@", "---\n", "...\n", "#", "\t", "\0"]
    pieces += ["9" * 30]
    refused = 0
    for _ in range(600):
        text = source
        for _ in range(rng.randrange(1, 5)):
            start = rng.randrange(len(text))
            text = text[:start] + rng.choice(pieces) + text[start + rng.randrange(3) :]
        try:
            parsed = parse_yaml(text, "a text")
        except ConfigError:
            refused += 1
        else:
            json.dumps(parsed)
    assert 0 < refused < 600


def test_a_mapping_that_merges_another_can_be_merged_itself(tmp_path: Path) -> None:
    file = tmp_path / "merged.yaml"
    file.write_text(
        "base: &base {type: conv, kernel: 3}\n"
        "stages:\n  - primitive: &own {<<: *base, kernel: 5}\n"
        "other: {<<: *own}\n"
    )
    data = read_yaml(file)
    expected = {"type": "conv", "kernel": 5}
    assert (data["stages"][0]["primitive"], data["other"]) == (expected, expected)
