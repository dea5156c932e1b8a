"""One place of a search space (a stem, a stage's primitive) and all that may stand there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from search_space.space.config import choices_of
from search_space.values import Value
from search_space.yaml_validation import explain

Choice = bool | int | float | str

INACTIVE = -1
"""The index in a vector of a parameter that is inactive, beside the indices of choices."""

Conditions = tuple[tuple[int, frozenset[int]], ...]
"""Earlier parameters (by index), each with the choices of it that must hold."""


class Parameter(NamedTuple):
    """One categorical choice of a search space; it is active where every condition holds."""

    name: str
    choices: tuple[Choice, ...]
    conditions: Conditions


def condition_tables(parameters: Sequence[Parameter]) -> list[list[tuple[int, np.ndarray]]]:
    """Each parameter's conditions for many vectors at once: ``table[vectors[:, index]]`` says.

    A table is bool ``[choices + 1]``; the last is False and stands for -1, an inactive parameter.
    """
    tables: list[list[tuple[int, np.ndarray]]] = []
    for parameter in parameters:
        tables.append([])
        for earlier, allowed in parameter.conditions:
            holds = np.zeros(len(parameters[earlier].choices) + 1, dtype=bool)
            holds[list(allowed)] = True
            tables[-1].append((earlier, holds))
    return tables


class ParameterList:
    """The parameters of a space under construction, in order."""

    def __init__(self) -> None:
        self.parameters: list[Parameter] = []

    def add(
        self,
        name: str,
        choices: Sequence[Choice],
        conditions: Conditions = (),
    ) -> int | None:
        """The new parameter's index; None where there is only one choice, so nothing to choose."""
        if len(choices) == 1:
            return None
        self.parameters.append(Parameter(name, tuple(choices), conditions))
        return len(self.parameters) - 1


@dataclass(frozen=True)
class Alternative:
    """One type that may stand at a place, with the choices of each of its fields."""

    kind: type[Value]
    fields: Mapping[str, tuple[Choice, ...]]
    parameter_of: Mapping[str, int | None]  # field -> parameter, None where it is fixed
    values: tuple[Value, ...]  # one for each combination of choices, the last field's varying first

    def value(self, vector: Sequence[int]) -> Value:
        """What the choices in ``vector`` make of it."""
        chosen = {
            name: choices[0 if index is None else vector[index]]
            for (name, choices), index in zip(
                self.fields.items(), self.parameter_of.values(), strict=True
            )
        }
        return self.kind.model_validate(chosen)

    def combinations(self) -> Iterator[tuple[Value, dict[int, int]]]:
        """Every value, with the choices (parameter -> choice index) that give it."""
        every = product(*(range(len(choices)) for choices in self.fields.values()))
        for value, picks in zip(self.values, every, strict=True):
            indices = zip(self.parameter_of.values(), picks, strict=True)
            yield value, {index: pick for index, pick in indices if index is not None}


@dataclass(frozen=True)
class Slot:
    """A place and its alternatives; ``type_parameter`` chooses among them if there are several."""

    name: str
    place: str  # where it stands in the file, for messages
    alternatives: tuple[Alternative, ...]
    type_parameter: int | None

    @property
    def parameters(self) -> tuple[int, ...]:
        """Every parameter that says what stands here."""
        own = [
            self.type_parameter,
            *(i for a in self.alternatives for i in a.parameter_of.values()),
        ]
        return tuple(index for index in own if index is not None)

    def value(self, vector: Sequence[int]) -> Value:
        """What stands here by the choices in ``vector``."""
        index = 0 if self.type_parameter is None else vector[self.type_parameter]
        return self.alternatives[index].value(vector)

    def combinations(self) -> Iterator[tuple[Value, dict[int, int]]]:
        """Every value that may stand here, with the choices that give it."""
        for index, alternative in enumerate(self.alternatives):
            for value, fragment in alternative.combinations():
                own = {} if self.type_parameter is None else {self.type_parameter: index}
                yield value, own | fragment


class Place(NamedTuple):
    """Where alternatives stand."""

    name: str  # prefix of the parameters' names, such as "stage2"
    path: str  # in the file, for messages
    conditions: Conditions  # when the place exists


def slot_from(
    place: Place,
    described: Sequence[Mapping[str, Any]],
    kind_of: Callable[[str], type[Value]],
    listed: ParameterList,
    problems: list[str],
) -> Slot | None:
    """Read a place's alternatives, adding its parameters; None if any is wrong.

    Args:
        place: where they stand.
        described: the alternatives; a list as a field's value is a choice.
        kind_of: from a type's name to its class; raises ValueError for an unknown one.
        listed: the space's parameters, added to.
        problems: added to, one line a problem.
    """
    known = len(problems)
    kinds: list[tuple[type[Value], dict[str, tuple[Choice, ...]], tuple[Value, ...]]] = []
    for index, entry in enumerate(described):
        where = f"{place.path}[{index}]"
        fields = {key: choices_of(value) for key, value in entry.items()}
        try:
            if len(fields.get("type", ())) != 1:
                raise ValueError("an alternative needs one type")
            kind = kind_of(str(fields["type"][0]))
        except ValueError as error:
            problems.append(f"{where}.type: {error}")
            continue
        values, faults = _read(kind, fields, where)
        problems += faults
        kinds.append((kind, fields, values))
    names: list[str] = []
    for _, fields, _ in kinds:
        name = str(fields["type"][0])
        before = sum(known_name.partition("#")[0] == name for known_name in names)
        names.append(f"{name}#{before + 1}" if before else name)
    if not described:
        problems.append(f"{place.path}: needs at least one alternative")
    if len(problems) > known:
        return None

    type_parameter = listed.add(f"{place.name}.type", names, place.conditions)
    alternatives = []
    for index, (kind, fields, values) in enumerate(kinds):
        here = place.conditions
        if type_parameter is not None:
            here = (*place.conditions, (type_parameter, frozenset({index})))
        parameter_of = {
            field: listed.add(f"{place.name}.{names[index]}.{field}", choices, here)
            for field, choices in fields.items()
        }
        alternatives.append(Alternative(kind, fields, parameter_of, values))
    return Slot(place.name, place.path, tuple(alternatives), type_parameter)


def _read(
    kind: type[Value], fields: Mapping[str, tuple[Choice, ...]], where: str
) -> tuple[tuple[Value, ...], list[str]]:
    """Read every combination of an alternative's choices once.

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
