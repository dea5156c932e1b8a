"""Failures one after another, which end a search."""

from __future__ import annotations

from typing import Literal, get_args

from nas.errors import TooManyFailures

FailureKind = Literal["trials", "resumed trials", "measurements"]


class Failures:
    """Counts, of each kind, how many have failed in a row.

    Args:
        most: how many end the search.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_a_row: dict[FailureKind, int] = dict.fromkeys(get_args(FailureKind), 0)
        self._last_error = ""

    def note(self, kind: FailureKind, error: str) -> None:
        """One failed, with this traceback."""
        self._in_a_row[kind] += 1
        self._last_error = error

    def note_success(self, kind: FailureKind) -> None:
        """One did not fail: the next failure is the first in a row."""
        self._in_a_row[kind] = 0

    def check(self) -> None:
        """See that the search may go on.

        Raises:
            TooManyFailures: ``most`` of a kind in a row failed.
        """
        for kind, count in self._in_a_row.items():
            if count >= self._most:
                raise TooManyFailures(
                    f"{count} {kind} in a row failed (search.max_failures); "
                    f"the last one with:\n{self._last_error}"
                )
