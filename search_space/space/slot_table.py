"""Everything that may stand at one place, with every description of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

Fragment = Mapping[int, int]
"""The choice of each parameter that describes what stands at a place."""

Content = TypeVar("Content", bound=Hashable)


class SlotTable(Generic[Content]):
    """What the descriptions of a place build, at given widths.

    A description is a :data:`Fragment`; several may build the same content (two values of kappa
    that give one key depth).

    Args:
        fragments: of every description, in order.
        contents: what each of them builds.
        type_parameter: the parameter that chooses among several types, None for a single type.
    """

    def __init__(
        self,
        fragments: Sequence[Fragment],
        contents: Sequence[Content],
        type_parameter: int | None,
    ) -> None:
        self._fragments = fragments
        self._contents = contents
        self._type_parameter = type_parameter
        self._changes: dict[Content, dict[int, tuple[Content, ...]]] = {}
        self.first: dict[Content, Fragment] = {}
        """Each distinct content with the first description of it."""
        self._descriptions: dict[Content, list[int]] = {}
        for number, (content, fragment) in enumerate(zip(contents, fragments, strict=True)):
            self.first.setdefault(content, fragment)
            self._descriptions.setdefault(content, []).append(number)

    def changes(self, content: Content) -> Mapping[int, tuple[Content, ...]]:
        """For each parameter, the other contents that changing it alone can give.

        The change may begin at any description of ``content`` and end at any of the other's, so
        ``b`` is among the changes of ``a`` exactly if ``a`` is among those of ``b``.
        """
        if content not in self._changes:
            found: dict[int, dict[Content, None]] = {}
            for number in self._descriptions[content]:
                one = self._fragments[number]
                for parameter in one:
                    found.setdefault(parameter, {})
                for other, built in zip(self._fragments, self._contents, strict=True):
                    changed = self._changed(one, other)
                    if changed is not None and built != content:
                        found[changed][built] = None
            self._changes[content] = {p: tuple(others) for p, others in found.items()}
        return self._changes[content]

    def rebuilt(self, content: Content, other: SlotTable[Content]) -> list[Content]:
        """What the descriptions of ``content`` build in ``other``, the table at other widths."""
        built = (other._contents[number] for number in self._descriptions[content])
        return list(dict.fromkeys(built))

    def _changed(self, one: Fragment, other: Fragment) -> int | None:
        """The single parameter whose change leads from one description to another, if there is one.

        A change of the type brings the parameters of the new type into being, with any choices.
        """
        kind = self._type_parameter
        if kind is not None and one[kind] != other[kind]:
            return kind
        different = [parameter for parameter, choice in one.items() if other[parameter] != choice]
        return different[0] if len(different) == 1 else None
