"""Reading and validation of YAML: a message has every problem, each with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from search_space.nearest import did_you_mean, hint
from search_space.yaml_schema import MOST_CHARACTERS, CoreDumper, CoreLoader

Model = TypeVar("Model", bound=BaseModel)

QUOTED = re.compile(r"'([^']*)'")
"""The names in pydantic's list of what a literal may be."""

STORAGE_KEY = re.compile(r"""(?<!\w)storage["']?\s*:""")
"""The key of a database's URL, which may hold a password."""

REPEATED = re.compile(r"""(?!'storage')(['"]).*\1""")
"""Quoted text in a problem's message, except the key ``storage`` itself, which is no secret."""

SHOWN_CHARACTERS = 200
"""Characters of a wrong value that a message shows."""


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


def parse_json(text: str | bytes) -> Any:
    """Parse a JSON text.

    Raises:
        ValueError: it is not JSON, or not UTF-8, is nested too deeply, or a key stands twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return mapping


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


def explain(
    error: ValidationError, model: type[BaseModel], place: str = "", data: Any = None
) -> list[str]:
    """List problems, one line each: ``path: rule, got value``.

    Args:
        error: what pydantic raised.
        model: the model that was to be built.
        place: where in the file its data stand.
        data: those plain data; the ``type`` of a part decides which keys it has.
    """
    problems = error.errors()
    places = {problem["loc"] for problem in problems}
    lines = []
    for problem in problems:
        loc = problem["loc"]
        if problem["type"] == "default_factory_not_called":
            continue  # it follows from another key's problem, which has a line
        if any(other[: len(loc)] == loc for other in places - {loc}):
            continue  # the line of its wrong part is enough
        path = _path(place, loc)
        if problem["type"] == "extra_forbidden":
            lines.append(f"{path}: unknown key{_nearest(model, loc, data)}")
        elif problem["type"] == "missing":
            lines.append(f"{path}: missing, but needed")
        elif problem["type"] == "value_error":
            lines.append(f"{path}: {problem['msg'].removeprefix('Value error, ')}")
        else:
            message = problem["msg"][0].lower() + problem["msg"][1:]
            shown = _shown(problem["input"])
            lines.append(f"{path}: {message}, got {shown}{_nearest_choice(problem)}")
    return lines


def _shown(value: Any) -> str:
    """Show a value in a message, cut off: it may be a whole file's content."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _path(place: str, loc: tuple[int | str, ...]) -> str:
    path = place
    for step in loc:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path or "the file"


def _nearest(model: type[BaseModel], loc: tuple[int | str, ...], data: Any) -> str:
    """Suggest a known key in place of the unknown one at ``loc``."""
    fields = _fields_at(model, loc[:-1], data)
    return f"; {hint(str(loc[-1]), sorted(fields))}" if fields else ""


def _nearest_choice(problem: ErrorDetails) -> str:
    """Suggest the nearest allowed name in place of the one that ``problem`` refuses."""
    if problem["type"] != "literal_error" or not isinstance(problem["input"], str):
        return ""
    suggestion = did_you_mean(problem["input"], QUOTED.findall(problem["ctx"]["expected"]))
    return f"; {suggestion}" if suggestion else ""


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...], data: Any) -> list[str]:
    for step in loc:
        data = _inside(data, step)
        if isinstance(step, str):
            field = model.model_fields.get(step)
            inner = _model_in(field.annotation) if field else None
            if inner is None:
                return []
            model = inner
        if isinstance(data, dict):
            model = _subclass_named(model, data.get("type"))
    return list(model.model_fields)


def _inside(data: Any, step: int | str) -> Any:
    try:
        return data[step]
    except (KeyError, IndexError, TypeError):
        return None


def _subclass_named(model: type[BaseModel], name: Any) -> type[BaseModel]:
    """Return the subclass whose literal ``type`` is ``name``, else ``model``.

    A field for a primitive is declared with the base class; its value's ``type`` says which one.
    """
    for candidate in (model, *_subclasses(model)):
        field = candidate.model_fields.get("type")
        if field and name in get_args(field.annotation):
            return candidate
    return model


def _subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for subclass in model.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        inner = _model_in(argument)
        if inner is not None:
            return inner
    return None
