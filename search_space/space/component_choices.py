"""One component of a network (its stem, a stage's primitive) and all that it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from pydantic import ValidationError

from search_space.space.config import choices_of
from search_space.space.parameters import Choice, Conditions, ParameterList
from search_space.space.restriction import Restriction, TypeValues
from search_space.validation_problems import explain
from search_space.values import Value

Entries = Mapping[int, int]
"""Some entries of a vector: the index of a choice by the index of its parameter."""


@dataclass(frozen=True)
class TypeChoices:
    """One type that a component can have, with the choices of each of its fields."""

    kind: type[Value]
    fields: Mapping[str, tuple[Choice, ...]]
    parameter_of: Mapping[str, int | None]  # field -> parameter, None where it is fixed
    values: tuple[Value, ...]  # one for each combination of choices, the last field's varying first

    def value(self, vector: Sequence[int]) -> Value:
        """Return what the choices in ``vector`` describe."""
        chosen = {
            name: choices[0 if index is None else vector[index]]
            for (name, choices), index in zip(
                self.fields.items(), self.parameter_of.values(), strict=True
            )
        }
        return self.kind.model_validate(chosen)

    def combinations(self) -> Iterator[tuple[Value, Entries]]:
        """Yield every value with the entries that describe it."""
        every = product(*(range(len(choices)) for choices in self.fields.values()))
        for value, picks in zip(self.values, every, strict=True):
            indices = zip(self.parameter_of.values(), picks, strict=True)
            yield value, {index: pick for index, pick in indices if index is not None}


@dataclass(frozen=True)
class ComponentChoices:
    """All that a component can be; ``type_parameter`` chooses the type if there are several."""

    name: str
    path: str  # in the file, for messages
    types: tuple[TypeChoices, ...]
    type_parameter: int | None

    @property
    def parameters(self) -> tuple[int, ...]:
        """The indices of every parameter of the component."""
        own = [
            self.type_parameter,
            *(i for each in self.types for i in each.parameter_of.values()),
        ]
        return tuple(index for index in own if index is not None)

    def value(self, vector: Sequence[int]) -> Value:
        """Return what the choices in ``vector`` describe."""
        index = 0 if self.type_parameter is None else vector[self.type_parameter]
        return self.types[index].value(vector)

    def combinations(self) -> Iterator[tuple[Value, Entries]]:
        """Yield every value that the component can have, with the entries that describe it."""
        for index, each in enumerate(self.types):
            for value, entries in each.combinations():
                own = {} if self.type_parameter is None else {self.type_parameter: index}
                yield value, {**own, **entries}


class Component(NamedTuple):
    """A component of a network, and where its choices stand."""

    name: str  # prefix of the parameters' names, such as "stage2"
    path: str  # in the file, for messages
    conditions: Conditions  # when the component exists


def read_component(
    component: Component,
    described: Sequence[Mapping[str, Any]],
    kind_of: Callable[[str], type[Value]],
    listed: ParameterList,
    problems: list[str],
    restriction: Restriction,
) -> ComponentChoices | None:
    """Read all that a component can be, and add its parameters; None if anything is wrong.

    Args:
        component: its name, its path and when it exists.
        described: a mapping for each type; a list as a field's value makes a parameter.
        kind_of: from a type's name to its class; raises ValueError for an unknown one.
        listed: the space's parameters, added to.
        problems: added to, one line a problem.
        restriction: leaves out values; it keeps the problem if it leaves none.
    """
    known = len(problems)
    read: list[TypeValues] = []
    for index, entry in enumerate(described):
        where = f"{component.path}[{index}]"
        fields = {key: choices_of(value) for key, value in entry.items()}
        try:
            if len(fields.get("type", ())) != 1:
                raise ValueError("exactly one type is needed")
            kind = kind_of(str(fields["type"][0]))
        except ValueError as error:
            problems.append(f"{where}.type: {error}")
            continue
        values, faults = _read(kind, fields, where)
        problems += faults
        read.append(TypeValues(kind, fields, values))
    if not described:
        problems.append(f"{component.path}: needs at least one choice")
    if len(problems) > known:
        return None
    kept = restriction.kept(component.path, read)
    if not kept:
        return None

    names: list[str] = []
    for each in kept:
        name = str(each.fields["type"][0])
        before = sum(known_name.partition("#")[0] == name for known_name in names)
        names.append(f"{name}#{before + 1}" if before else name)
    type_parameter = listed.add(f"{component.name}.type", names, component.conditions)
    types = []
    for index, each in enumerate(kept):
        conditions = component.conditions
        if type_parameter is not None:
            conditions = (*conditions, (type_parameter, frozenset({index})))
        parameter_of = {
            field: listed.add(f"{component.name}.{names[index]}.{field}", choices, conditions)
            for field, choices in each.fields.items()
        }
        types.append(TypeChoices(each.kind, each.fields, parameter_of, each.values))
    return ComponentChoices(component.name, component.path, tuple(types), type_parameter)


def _read(
    kind: type[Value], fields: Mapping[str, tuple[Choice, ...]], where: str
) -> tuple[tuple[Value, ...], list[str]]:
    """Read every combination of the choices of a type's fields once.

    Returns:
        the values, in the order of ``itertools.product`` over the fields, and what is wrong with
        the fields whatever the width, one line a problem.
    """
    lines = []
    for name, choices in fields.items():
        if not choices:
            lines.append(f"{where}.{name}: needs at least one choice")
        elif len(set(map(repr, choices))) < len(choices):
            lines.append(f"{where}.{name}: repeats a choice, got {list(choices)}")
    if lines:
        return (), lines
    values = []
    for picks in product(*fields.values()):
        try:
            values.append(kind.model_validate(dict(zip(fields, picks, strict=True))))
        except ValidationError as error:
            lines += explain(error, kind, where)
    return tuple(values), list(dict.fromkeys(lines))
