"""Say which trials of a ledger cannot be read, and why."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

SHOWN_CHARACTERS = 200
"""The most characters of a reason that are shown."""


def damage_text(study: str, damaged: Mapping[int, str], readable: int) -> str:
    """Describe a study with damaged trials in one line.

    Args:
        study: its name.
        damaged: why each damaged trial cannot be read, by number.
        readable: the number of other trials, which can be read.
    """
    first, *others = damaged
    more = f" (and trials {', '.join(map(str, others))})" if others else ""
    return (
        f"trial {first} of {study!r}{more} cannot be read: {damaged[first]}; {readable} other "
        "trials of it can be"
    )


def reason(error: Exception) -> str:
    """Return an error's reason in one line."""
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        message = f"{place}: {problem['msg']}" if place else problem["msg"]
    else:
        message = str(error)
        if isinstance(error, LookupError | AttributeError) or not message:
            message = f"{type(error).__name__} {message}"
    message = " ".join(message.split())
    return message if len(message) <= SHOWN_CHARACTERS else f"{message[:SHOWN_CHARACTERS]}..."
