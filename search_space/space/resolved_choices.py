"""All that a component can be at given widths, each with every description of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from search_space.space.component_choices import Entries

Built = TypeVar("Built", bound=Hashable)


class ResolvedChoices(Generic[Built]):
    """All that a component can be at given widths, each with every description of it.

    A description is the :data:`Entries` of the component's parameters. Several may build the same:
    two values of kappa may give one key depth.

    Args:
        entries: of every description, in order.
        built: what each of them builds.
        type_parameter: the parameter that chooses among several types, None for a single type.
    """

    def __init__(
        self,
        entries: Sequence[Entries],
        built: Sequence[Built],
        type_parameter: int | None,
    ) -> None:
        self._entries = entries
        self._built = built
        self._type_parameter = type_parameter
        self._changes: dict[Built, dict[int, tuple[Built, ...]]] = {}
        self.distinct: dict[Built, Entries] = {}
        """Each distinct result with the first description of it."""
        self._descriptions: dict[Built, list[int]] = {}
        for number, (result, described) in enumerate(zip(built, entries, strict=True)):
            self.distinct.setdefault(result, described)
            self._descriptions.setdefault(result, []).append(number)

    def changes(self, built: Built) -> Mapping[int, tuple[Built, ...]]:
        """Return, for each parameter, the other results that changing it alone can give.

        The change may begin at any description of ``built`` and end at any of the other's, so
        ``b`` is among the changes of ``a`` exactly if ``a`` is among those of ``b``.
        """
        if built not in self._changes:
            changes: dict[int, dict[Built, None]] = {}
            for number in self._descriptions[built]:
                one = self._entries[number]
                for parameter in one:
                    changes.setdefault(parameter, {})
                for other, result in zip(self._entries, self._built, strict=True):
                    changed = self._changed(one, other)
                    if changed is not None and result != built:
                        changes[changed][result] = None
            self._changes[built] = {p: tuple(others) for p, others in changes.items()}
        return self._changes[built]

    def rebuilt(self, built: Built, other: ResolvedChoices[Built]) -> list[Built]:
        """Return what the descriptions of ``built`` build in ``other``, at other widths."""
        results = (other._built[number] for number in self._descriptions[built])
        return list(dict.fromkeys(results))

    def _changed(self, one: Entries, other: Entries) -> int | None:
        """Return the single parameter that differs between two descriptions; None if several do.

        A change of the type brings the parameters of the new type into being, with any choices.
        """
        kind = self._type_parameter
        if kind is not None and one[kind] != other[kind]:
            return kind
        different = [parameter for parameter, choice in one.items() if other[parameter] != choice]
        return different[0] if len(different) == 1 else None
