"""YAML as this project reads and writes it: the scalars of YAML 1.2, and bounds on a document.

Source: the core schema of YAML 1.2.2, https://yaml.org/spec/1.2.2/#103-core-schema. PyYAML follows
YAML 1.1, where ``010`` is 8, ``1:30`` is 90, ``no`` is false, ``2024-01-01`` is a date and ``5e-4``
is text; here these are 10, text, text, text and 0.0005. From YAML 1.1 the merge key ``<<`` stays.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, ClassVar

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode

MOST_CHARACTERS = 2**18
"""Characters of a document, 256 KiB, and of its content with each alias written out."""

MOST_NODES = 30_000
"""Scalars, lists and mappings in a document."""

MOST_NESTED = 50
"""Lists and mappings inside one another, with each alias written out."""

LARGEST_INTEGER = 2**63
"""Whole numbers lie between minus this number and this number."""

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_INT = re.compile("|".join(f"(?:{p.pattern})" for p in (_DECIMAL, _OCTAL, _HEXADECIMAL)))
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_RESOLVERS = (
    (f"{_TAG}null", _NULL, ["~", "n", "N", ""]),
    (f"{_TAG}bool", _BOOL, list("tTfF")),
    (f"{_TAG}int", _INT, list("-+0123456789")),
    (f"{_TAG}float", _FLOAT, list("-+.0123456789")),
)


class CoreLoader(yaml.SafeLoader):
    """Reads one document of YAML 1.2's core schema into None, bool, int, float, str, list, dict.

    It refuses, with the line (``yaml.MarkedYAMLError``): a key that stands twice in a mapping,
    tags outside the schema, control characters and lone surrogates, whole numbers over 64 bits,
    an alias that contains itself, over ``MOST_NODES`` values and keys, and content over
    ``MOST_CHARACTERS`` or ``MOST_NESTED`` with its aliases written out.
    """

    # PyYAML's own resolvers and constructors are those of YAML 1.1
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012
    yaml_constructors: ClassVar[dict[str | None, Any]] = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = 0
        self._nested = 0
        self._looked_at: set[int] = set()
        self._extents: dict[int, tuple[int, int]] = {}  # by id of a node: characters, nesting

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """See :class:`yaml.composer.Composer`; counts what the node holds."""
        mark = self.peek_event().start_mark
        if self.check_event(yaml.AliasEvent):
            node = super().compose_node(parent, index)
            if id(node) not in self._extents:
                raise ConstructorError(None, None, "an alias contains itself", mark)
            return node
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise ConstructorError(None, None, f"over {MOST_NODES:,} values and keys", mark)
        self._nested += 1
        _check_nested(self._nested, mark)
        node = super().compose_node(parent, index)
        self._nested -= 1
        self._extents[id(node)] = self._extent(node)
        return node

    def _extent(self, node: Any) -> tuple[int, int]:
        if isinstance(node, ScalarNode):
            return len(node.value) + 1, 1
        children = node.value
        if isinstance(node, MappingNode):
            children = [child for pair in node.value for child in pair]
        extents = [self._extents[id(child)] for child in children]
        characters = 1 + sum(extent[0] for extent in extents)
        nested = 1 + max((extent[1] for extent in extents), default=0)
        if characters > MOST_CHARACTERS:
            raise ConstructorError(
                None,
                None,
                f"with its aliases written out, this is over {MOST_CHARACTERS:,} characters",
                node.start_mark,
            )
        _check_nested(nested, node.start_mark)
        return characters, nested

    def construct_scalar(self, node: Any) -> Any:
        """Return a scalar's text; pairs of surrogates, as JSON writes them, are joined.

        A message about a character does not repeat the text, which may be a password.
        """
        text = super().construct_scalar(node)
        try:
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError as error:
            code = int.from_bytes(error.object[error.start : error.start + 2], "little")
            raise _wrong(node, f"the lone surrogate U+{code:04X} in a text") from None
        for character in text:
            if unicodedata.category(character) == "Cc" and character not in "\t\n\r":
                raise _wrong(node, f"the control character U+{ord(character):04X} in a text")
        return text

    def flatten_mapping(self, node: Any) -> None:
        """Merge the mappings that ``<<`` names into a mapping whose own keys are unique.

        Merging rewrites the node, which aliases share, so its own keys are checked once, before.
        """
        if id(node) not in self._looked_at:
            self._looked_at.add(id(node))
            self._check_keys(node)
        super().flatten_mapping(node)

    def _check_keys(self, node: MappingNode) -> None:
        first: dict[str, int] = {}
        for key_node, _ in node.value:
            text = self._key(key_node)
            line = key_node.start_mark.line + 1
            if text in first:
                raise _wrong(
                    key_node, f"the key {text!r} stands twice, first in line {first[text]}"
                )
            first[text] = line

    def _key(self, node: Any) -> str:
        """Return a key as JSON has it, where 1 and "1" are equal."""
        if node.tag == _MERGE:
            return "<<"
        key = self.construct_object(node, deep=True)
        if not isinstance(node, ScalarNode):
            raise _wrong(node, "a key must be text or a number")
        return key if isinstance(key, str) else json.dumps(key)

    def construct_yaml_null(self, node: Any) -> None:
        """See the core schema."""
        self._matching(node, _NULL, "null")

    def construct_yaml_bool(self, node: Any) -> bool:
        """See the core schema."""
        return self._matching(node, _BOOL, "true or false").lower() == "true"

    def construct_yaml_int(self, node: Any) -> int:
        """Read a whole number: decimal, or with 0o or 0x before it."""
        text = self._matching(node, _INT, "a whole number")
        base = 8 if _OCTAL.fullmatch(text) else 16 if _HEXADECIMAL.fullmatch(text) else 10
        digits = text.lstrip("+-").removeprefix("0o").removeprefix("0x").lstrip("0")
        # int() itself takes long for thousands of digits; 64 bits have 22 octal ones
        number = int(text, base) if len(digits) <= 22 else None
        if number is None or abs(number) > LARGEST_INTEGER:
            raise _wrong(node, f"a whole number over 64 bits, of {len(digits):,} digits")
        return number

    def construct_yaml_float(self, node: Any) -> float:
        """See the core schema."""
        text = self._matching(node, _FLOAT, "a number")
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))

    def construct_undefined(self, node: Any) -> Any:
        """Refuse all other tags."""
        raise _wrong(node, f"the tag {node.tag!r} is not read")

    def _matching(self, node: Any, pattern: re.Pattern[str], what: str) -> str:
        text: str = self.construct_scalar(node)
        if not pattern.fullmatch(text):
            raise _wrong(node, f"must be {what}, got {text[:80]!r}")
        return text


class CoreDumper(yaml.SafeDumper):
    """Writes what :class:`CoreLoader` reads back.

    Text that YAML 1.1 or 1.2 would read as another type is quoted.
    """


for _tag, _pattern, _first in _RESOLVERS:
    _whole = re.compile(rf"(?:{_pattern.pattern})\Z")  # PyYAML matches at the beginning only
    CoreLoader.add_implicit_resolver(_tag, _whole, _first)
    CoreDumper.add_implicit_resolver(_tag, _whole, _first)
CoreLoader.add_implicit_resolver(_MERGE, re.compile(r"<<\Z"), ["<"])

for _name in ("null", "bool", "int", "float", "str", "seq", "map"):
    CoreLoader.add_constructor(_TAG + _name, getattr(CoreLoader, f"construct_yaml_{_name}"))
CoreLoader.add_constructor(None, CoreLoader.construct_undefined)


def _check_nested(nested: int, mark: Any) -> None:
    if nested > MOST_NESTED:
        raise ConstructorError(
            None, None, f"nested more than {MOST_NESTED} deep, aliases written out", mark
        )


def _wrong(node: Node, problem: str) -> ConstructorError:
    return ConstructorError(None, None, problem, node.start_mark)
