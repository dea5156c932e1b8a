"""Failures in a row, which end a search."""

from __future__ import annotations

from typing import Literal, get_args

from nas.errors import TooManyFailures

FailureKind = Literal["trials", "resumed trials", "measurements"]


class Failures:
    """Count how many trials or measurements have failed in a row.

    Args:
        most: so many failures of one kind in a row end the search.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_a_row: dict[FailureKind, int] = dict.fromkeys(get_args(FailureKind), 0)
        self._last_error = ""

    def note(self, kind: FailureKind, error: str) -> None:
        """Count a failure, and keep its traceback."""
        self._in_a_row[kind] += 1
        self._last_error = error

    def note_success(self, kind: FailureKind) -> None:
        """Start the count again: the next failure is the first in a row."""
        self._in_a_row[kind] = 0

    def check(self) -> None:
        """Raise if too many have failed in a row.

        Raises:
            TooManyFailures: ``most`` of a kind in a row failed.
        """
        for kind, count in self._in_a_row.items():
            if count >= self._most:
                raise TooManyFailures(
                    f"{count} {kind} in a row failed (search.max_failures); "
                    f"the last one with:\n{self._last_error}"
                )
