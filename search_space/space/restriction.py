"""The restriction of a space to convolutions alone, or to stand-alone attention alone.

A restricted space holds exactly those architectures of the whole space in which every block's
primitive is of that kind (``operator_kind``): an honest rival of the whole space in a comparison.
Channel attention stays, since networks of both kinds have it. So does any stem beside stand-alone
attention: the most accurate networks of Stand-Alone Self-Attention begin with convolutions (Table
1). Beside convolutions, stems are convolutions too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from search_space.primitives import Description, Stem
from search_space.space.config import Only
from search_space.space.parameters import Choice
from search_space.values import Value

WORDS: Mapping[Only, str] = {
    "conv": "convolutions alone",
    "attention": "stand-alone attention alone",
}

Picks = tuple[int, ...]
"""The index of a choice for each field."""


class TypeValues(NamedTuple):
    """One type that a component can have, and all values of it."""

    kind: type[Value]
    fields: Mapping[str, tuple[Choice, ...]]
    values: tuple[Value, ...]  # in the order of itertools.product over the fields' choices

    def kept(self, keeps: Callable[[Value], bool]) -> list[TypeValues]:
        """Return the values that are kept, as products of choices: one unless they are no product.

        A value is in exactly one of them.
        """
        every = product(*(range(len(choices)) for choices in self.fields.values()))
        by_picks = dict(zip(every, self.values, strict=True))
        picked = [picks for picks, value in by_picks.items() if keeps(value)]
        return [
            TypeValues(
                self.kind,
                {
                    name: tuple(choices[index] for index in indices)
                    for (name, choices), indices in zip(self.fields.items(), each, strict=True)
                },
                tuple(by_picks[picks] for picks in product(*each)),
            )
            for each in _products(picked)
        ]


class Restriction:
    """The value of a space's ``only``, and the components of which it left nothing.

    Args:
        only: the kind to keep; None keeps everything.
    """

    def __init__(self, only: Only | None) -> None:
        self.only = only
        self._emptied: dict[str, list[str]] = {}

    def kept(self, path: str, types: Sequence[TypeValues]) -> list[TypeValues]:
        """Return the types of the component at ``path`` with the values of this kind."""
        if self.only is None:
            return list(types)
        kept = [part for each in types for part in each.kept(self._keeps)]
        if not kept:
            self._emptied[path] = [str(each.fields["type"][0]) for each in types]
        return kept

    def problems(self) -> list[str]:
        """Say in one line of which components nothing was left; none if there is no such one."""
        if self.only is None or not self._emptied:
            return []
        emptied = ", ".join(
            f"{path} ({', '.join(dict.fromkeys(types))})" for path, types in self._emptied.items()
        )
        return [f"only: {self.only} keeps {WORDS[self.only]}, which leaves nothing of {emptied}"]

    def _keeps(self, value: Value) -> bool:
        assert isinstance(value, Description | Stem)
        return value.operator_kind == self.only


def _products(picked: Sequence[Picks]) -> Iterator[list[list[int]]]:
    """Split picks into whole products, each as the indices of every field's choices."""
    if not picked:
        return
    choices = [sorted(set(column)) for column in zip(*picked, strict=True)]
    if prod(map(len, choices)) == len(picked):
        yield choices
        return
    for field, indices in enumerate(choices):
        groups: dict[frozenset[Picks], set[int]] = {}  # choices that the same others go with
        for index in indices:
            others = (p[:field] + p[field + 1 :] for p in picked if p[field] == index)
            groups.setdefault(frozenset(others), set()).add(index)
        if len(groups) > 1:
            for group in groups.values():
                yield from _products([picks for picks in picked if picks[field] in group])
            return
