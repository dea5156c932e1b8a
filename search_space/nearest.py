"""Suggestions for an unknown name in a message: the nearest known one, or all."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'conv'?``, comparing without case; empty where no name is near."""
    names = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), names, n=1)
    return f"did you mean {names[near[0]]!r}?" if near else ""


def hint(name: str, known: Iterable[str]) -> str:
    """Return :func:`did_you_mean`, or ``known: conv, ...`` with all names where none is near."""
    known = list(known)
    return did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}"
