"""The nearest known name: what a message suggests when a name is unknown."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name among ``known`` that is most like ``name``, whatever the case; None if none is."""
    names = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), names, n=1)
    return names[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``did you mean 'conv'?``; empty where no name is near."""
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else ""


def hint(name: str, known: Iterable[str]) -> str:
    """``did you mean 'conv'?``, or ``known: conv, local_attention`` where no name is near."""
    known = list(known)
    return did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}"
