"""The problems of data that a pydantic model refuses, one line each, with their places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from search_space.nearest import did_you_mean, hint

QUOTED = re.compile(r"'([^']*)'")
"""The names in pydantic's list of what a literal or a union's tag may be."""

SHOWN_CHARACTERS = 200
"""Characters of a wrong value that a message shows."""

Steps = Sequence[int | str]


def explain(
    error: ValidationError, model: type[BaseModel], place: str = "", data: Any = None
) -> list[str]:
    """List problems, one line each: ``path: rule, got value``.

    A model may have a class attribute ``RENAMED``, from keys that it had to those that it has.

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
        steps, _ = _without_tags(model, loc, data)
        path = _path(place, steps)
        if problem["type"] == "extra_forbidden":
            lines.append(f"{path}: unknown key{_nearest(model, loc, data, place)}")
        elif problem["type"] == "missing":
            lines.append(f"{path}: missing, but needed")
        elif problem["type"] == "union_tag_not_found":
            lines.append(f"{_path(place, [*steps, _discriminator(problem)])}: missing, but needed")
        elif problem["type"] == "union_tag_invalid":
            lines.append(f"{_path(place, [*steps, _discriminator(problem)])}: {_no_tag(problem)}")
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


def _path(place: str, steps: Steps) -> str:
    path = place
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path or "the file"


def _nearest(model: type[BaseModel], loc: Steps, data: Any, place: str) -> str:
    """Suggest a known key in place of the unknown one at ``loc``."""
    steps, owner = _without_tags(model, loc[:-1], data)
    if owner is None:
        return ""
    renamed = getattr(owner, "RENAMED", {}).get(loc[-1])
    if renamed is not None:
        return f"; it is {_path(place, [*steps, renamed])} now"
    return f"; {hint(str(loc[-1]), sorted(owner.model_fields))}"


def _nearest_choice(problem: ErrorDetails) -> str:
    """Suggest the nearest allowed name in place of the one that ``problem`` refuses."""
    if problem["type"] != "literal_error" or not isinstance(problem["input"], str):
        return ""
    suggestion = did_you_mean(problem["input"], QUOTED.findall(problem["ctx"]["expected"]))
    return f"; {suggestion}" if suggestion else ""


def _discriminator(problem: ErrorDetails) -> str:
    """Return the key whose value decides which of a union's models it is."""
    return str(problem["ctx"]["discriminator"]).strip("'")


def _no_tag(problem: ErrorDetails) -> str:
    """Say which values of the deciding key there are."""
    tag, tags = str(problem["ctx"]["tag"]), QUOTED.findall(problem["ctx"]["expected_tags"])
    suggestion = did_you_mean(tag, tags)
    known = ", ".join(map(repr, tags))
    return f"should be one of {known}, got {_shown(tag)}" + (f"; {suggestion}" * bool(suggestion))


def _without_tags(
    model: type[BaseModel], loc: Steps, data: Any
) -> tuple[list[int | str], type[BaseModel] | None]:
    """Return the keys and indices of a place, and the model of what stands there.

    pydantic's places also name which of a union's models was tried, by its tag.
    """
    steps: list[int | str] = []
    here: type[BaseModel] | None = model
    tagged: dict[Any, type[BaseModel]] = {}
    for step in loc:
        if step in tagged:
            here, tagged = tagged[step], {}
            continue
        steps.append(step)
        data = _inside(data, step)
        if isinstance(step, str):
            field = here.model_fields.get(step) if here else None
            models = list(models_in(field.annotation)) if field else []
            here, tagged = (models[0] if models else None), _by_tag(models)
        if here is not None and isinstance(data, dict):
            here = _subclass_named(here, data.get("type"))
    return steps, here


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


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the pydantic models that an annotation names, such as those of a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for argument in getattr(annotation, "__args__", ()):
        yield from models_in(argument)


def _by_tag(models: Sequence[type[BaseModel]]) -> dict[Any, type[BaseModel]]:
    """Return the models of a union by the values of their literal fields; none for a single one."""
    if len(models) < 2:
        return {}
    return {
        tag: model
        for model in models
        for field in model.model_fields.values()
        if get_origin(field.annotation) is Literal
        for tag in get_args(field.annotation)
    }
