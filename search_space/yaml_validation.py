"""Reading YAML, and saying what is wrong with it: every problem, each with its place."""

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
"""What a problem repeats of the text, in quotes; the key itself is no secret."""

SHOWN_CHARACTERS = 200
"""Of a wrong value, in a message."""


class ConfigError(ValueError):
    """A file or mapping that does not describe what it should; ``problems`` has one line each."""

    def __init__(self, source: str, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n  ".join([f"{source}:", *self.problems]))


def read_yaml(path: Path) -> Any:
    """The content of a YAML (or JSON) file; see :mod:`search_space.yaml_schema` for its rules.

    Raises:
        ConfigError: it cannot be read, or is not such YAML; with the line.
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
    except ValueError as error:  # of the path: a zero byte, or what the file system cannot write
        raise ConfigError(ascii(str(path)), [f"is no path: {error}"]) from error
    if len(content) > MOST_CHARACTERS:
        raise ConfigError(str(path), [f"is over {MOST_CHARACTERS:,} bytes"])
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str) -> Any:
    """The content of a YAML text; see :mod:`search_space.yaml_schema` for its rules.

    Raises:
        ConfigError: it is not such YAML; with the line.
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
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # a character that is none
        raise ConfigError(source, [f"not YAML: {' '.join(str(error).split())}"]) from error


def _problem(error: yaml.MarkedYAMLError, text: str) -> str:
    """What is wrong in ``text`` and where, without what may be a part of a storage's password."""
    mark = error.problem_mark
    if mark is None:
        return str(error.problem)
    problem = str(error.problem)
    lines = text.splitlines()[max(0, mark.line - 1) : mark.line + 1]  # a key may stand before it
    if any(STORAGE_KEY.search(line) for line in lines):
        problem = REPEATED.sub("(not shown)", problem)
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def parse_json(text: str | bytes) -> Any:
    """The content of a JSON text.

    Raises:
        ValueError: it is not JSON, or not UTF-8, is nested too deeply, or a key stands twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return found


def dump_yaml(data: Any) -> str:
    """Plain data as YAML that :func:`parse_yaml` reads back."""
    return yaml.dump(data, Dumper=CoreDumper, sort_keys=False, allow_unicode=True)


def validate(
    model: type[Model],
    data: Any,
    source: str,
    place: str = "",
    *,
    context: Mapping[str, Any] | None = None,
) -> Model:
    """``data`` as a ``model``; lists may stand for tuples, types are otherwise strict.

    Args:
        model: the pydantic model to build.
        data: plain data, as YAML gives it.
        source: the file's name, for the message.
        place: where in the file ``data`` stands, for the message.
        context: pydantic's validation context, for the fields that read one.

    Raises:
        ConfigError: with every problem, the path of its key, and the nearest valid key where
            one is unknown.
    """
    try:
        # Through JSON, where a list stands for a tuple and all else stays strict.
        return model.model_validate_json(json.dumps(data), context=context)
    except ValidationError as error:
        raise ConfigError(source, explain(error, model, place, data)) from error
    except (TypeError, ValueError) as error:
        raise ConfigError(source, [f"{place}: not plain data: {error}"]) from error


def explain(
    error: ValidationError, model: type[BaseModel], place: str = "", data: Any = None
) -> list[str]:
    """One line a problem: ``path: rule, got value``.

    Args:
        error: what pydantic raised.
        model: the model that was to be built.
        place: where in the file its data stand.
        data: that plain data, for the keys that a part's own ``type`` has.
    """
    problems = error.errors()
    places = {problem["loc"] for problem in problems}
    lines = []
    for problem in problems:
        loc = problem["loc"]
        if problem["type"] == "default_factory_not_called":
            continue  # it follows from another key, whose own problem has a line
        if any(other[: len(loc)] == loc for other in places - {loc}):
            continue  # a part of it is wrong, and is named by its own line
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
    """A value in a message, which may be a whole file's content."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _path(place: str, loc: tuple[int | str, ...]) -> str:
    path = place
    for step in loc:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path or "the file"


def _nearest(model: type[BaseModel], loc: tuple[int | str, ...], data: Any) -> str:
    """Which keys there are where the unknown one stands."""
    fields = _fields_at(model, loc[:-1], data)
    return f"; {hint(str(loc[-1]), sorted(fields))}" if fields else ""


def _nearest_choice(problem: ErrorDetails) -> str:
    """The nearest of the names that may stand where ``problem`` found another one."""
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
    """The subclass whose literal ``type`` is ``name``, else ``model``.

    A primitive's place is declared as that of any primitive; what stands there says which.
    """
    for found in (model, *_subclasses(model)):
        field = found.model_fields.get("type")
        if field and name in get_args(field.annotation):
            return found
    return model


def _subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for found in model.__subclasses__():
        yield found
        yield from _subclasses(found)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
