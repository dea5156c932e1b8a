"""Reading and validation of YAML: a message has every problem, each with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from search_space.validation_problems import explain
from search_space.yaml_schema import MOST_CHARACTERS, CoreDumper, CoreLoader

Model = TypeVar("Model", bound=BaseModel)

STORAGE_KEY = re.compile(r"""(?<!\w)storage["']?\s*:""")
"""The key of a database's URL, which may hold a password."""

REPEATED = re.compile(r"""(?!'storage')(['"]).*\1""")
"""Quoted text in a problem's message, except the key ``storage`` itself, which is no secret."""


class ConfigError(ValueError):
    """A file or mapping that does not describe what it should; ``problems`` has one line each."""

    def __init__(self, source: str, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n  ".join([f"{source}:", *self.problems]))


def read_yaml(path: Path) -> Any:
    """Read the content of a YAML (or JSON) file; see :mod:`search_space.yaml_schema` for its rules.

    Raises:
        ConfigError: it cannot be read, or is not such YAML; the message has the line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_CHARACTERS + 1)
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(str(path), ["no such file"]) from None
    except IsADirectoryError:
        raise ConfigError(str(path), ["is a folder, not a file"]) from None
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), [f"not YAML: {error}"]) from error
    except (
        ValueError
    ) as error:  # the path has a zero byte or a character that the file system cannot write
        raise ConfigError(ascii(str(path)), [f"is no path: {error}"]) from error
    if len(content) > MOST_CHARACTERS:
        raise ConfigError(str(path), [f"is over {MOST_CHARACTERS:,} bytes"])
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str) -> Any:
    """Parse a YAML text; see :mod:`search_space.yaml_schema` for its rules.

    Raises:
        ConfigError: it is not such YAML; the message has the line.
    """
    try:
        loader = CoreLoader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except ConstructorError as error:
        raise ConfigError(source, [_problem(error, text)]) from error
    except yaml.MarkedYAMLError as error:
        raise ConfigError(source, [f"not YAML: {_problem(error, text)}"]) from error
    except ReaderError as error:
        before = text[: error.position].split("\n")
        place = f"line {len(before)}, column {len(before[-1]) + 1}"
        problem = f"not YAML: {place}: the character U+{ord(text[error.position]):04X}"
        raise ConfigError(source, [problem]) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # an escape that is no character
        raise ConfigError(source, [f"not YAML: {' '.join(str(error).split())}"]) from error


def _problem(error: yaml.MarkedYAMLError, text: str) -> str:
    """Return a problem in ``text`` and its place, without parts of a storage's password."""
    mark = error.problem_mark
    if mark is None:
        return str(error.problem)
    problem = str(error.problem)
    lines = text.splitlines()[
        max(0, mark.line - 1) : mark.line + 1
    ]  # the key may be in the line before
    if any(STORAGE_KEY.search(line) for line in lines):
        problem = REPEATED.sub("(not shown)", problem)
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def dump_yaml(data: Any) -> str:
    """Write plain data as YAML that :func:`parse_yaml` reads back."""
    return yaml.dump(data, Dumper=CoreDumper, sort_keys=False, allow_unicode=True)


def validate(
    model: type[Model],
    data: Any,
    source: str,
    place: str = "",
    *,
    context: Mapping[str, Any] | None = None,
) -> Model:
    """Validate ``data`` as a ``model``; lists may stand for tuples, types are otherwise strict.

    Args:
        model: the pydantic model to build.
        data: plain data, as YAML gives it.
        source: the file's name, for the message.
        place: where in the file ``data`` stands, for the message.
        context: pydantic's validation context, for the fields that read one.

    Raises:
        ConfigError: the message has every problem, the path of its key, and the nearest valid key
            for an unknown one.
    """
    try:
        # Strict validation takes a list for a tuple in JSON only.
        return model.model_validate_json(json.dumps(data), context=context)
    except ValidationError as error:
        raise ConfigError(source, explain(error, model, place, data)) from error
    except (TypeError, ValueError) as error:
        raise ConfigError(source, [f"{place}: not plain data: {error}"]) from error
