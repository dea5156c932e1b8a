"""The parts of a section on the page of configuration keys, and the links to them.

A part is a mapping inside a section, such as a recipe's ``pixels``; or one of the kinds that a
mapping may be, such as the optimiser that is called ``sgd``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from search_space.validation_problems import models_in


class Part(NamedTuple):
    """A model with a heading and a table of its own."""

    heading: str
    link_text: str
    prefix: str  # of its keys
    model: type[BaseModel]

    @property
    def link(self) -> str:
        """The link to the heading, in Markdown."""
        return f"[{self.link_text}](#{anchor(self.heading)})"


def parts_of(section: str, model: type[BaseModel], others: frozenset[str]) -> Iterator[Part]:
    """Yield the parts of a section, in the order of its keys.

    Args:
        section: its title.
        model: with its keys.
        others: names of models that have sections of their own.
    """
    for key, field in model.model_fields.items():
        models = list(models_in(field.annotation))
        for each in models:
            if each.__name__ in others:
                continue
            if len(models) == 1:
                yield Part(f"{section}: `{key}`", key, f"{key}.", each)
            else:
                tag = tag_of(each)
                yield Part(f"{section}: `{key}.name: {tag}`", f"`{tag}`", f"{key}.", each)


def tag_of(kind: type[BaseModel]) -> str:
    """Return the ``name`` by which a mapping is of this kind."""
    (tag,) = get_args(kind.model_fields["name"].annotation)
    return str(tag)


def is_one_of_several(kind: type[BaseModel]) -> bool:
    """Return whether a mapping is of this kind by its ``name``, which can be but one."""
    field = kind.model_fields.get("name")
    if field is None or get_origin(field.annotation) is not Literal:
        return False
    return len(get_args(field.annotation)) == 1


def anchor(heading: str) -> str:
    """Return a heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
