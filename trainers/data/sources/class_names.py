"""Names of classes between parts: each must be one of the train part's, letter for letter."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping

from trainers.data.sources.listed_names import listed
from trainers.data.sources.part_names import Part


def name_problems(
    known: Collection[str], occurring: Mapping[Part, Collection[str]], *, fewest: int = 2
) -> list[str]:
    """Return what is wrong with the names of classes, a line each.

    Args:
        known: the classes that can be trained on. Two of them may differ in case alone, as letters
            do.
        occurring: the classes of each part.
        fewest: classes to tell apart; objects may be of one.
    """
    trained = set(known)
    problems: list[str] = []
    named: set[str] = set()
    for group in _alike({*trained, *(name for names in occurring.values() for name in names)}):
        if not trained.issuperset(group) or len({_composed(name) for name in group}) < len(group):
            named.update(group)
            problems.append(
                f"classes {listed(sorted(group))} differ in case or Unicode's form alone: give "
                "them one name"
            )
    for part, names in occurring.items():
        if unknown := sorted(set(names) - trained - named):
            problems.append(f"{part} part: {listed(unknown)} without train images")
    if len(trained) == 1 < fewest:
        problems.append(f"only one class, {min(trained)!r}: there is nothing to tell apart")
    return problems


def _alike(names: Collection[str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_composed(_composed(name).casefold()), []).append(name)
    return sorted(group for group in groups.values() if len(group) > 1)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
