"""The end of a search before all was done: why it ended, and what is left."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic.dataclasses import dataclass

SPACE = "space"
"""Ends a search in place of a setting: there are no more architectures."""


@dataclass(frozen=True)
class Ending:
    """The end of a search that did not train all that it was asked for."""

    by: str  # the setting, such as search.max_hours, or ``SPACE``
    why: str  # in words
    trials_left: int  # fewer than search.n_trials
    repeats_left: int  # of the front, in the round that was not ended

    @property
    def change(self) -> str:
        """The change with which the search goes on; empty if nothing is left to search."""
        changes = {
            "search.stop_below": "lower search.stop_below, or set it to null",
            "search.max_hours": "raise search.max_hours",
            "search.max_device_hours": "raise search.max_device_hours",
        }
        return changes.get(self.by, "")

    @property
    def how_to_go_on(self) -> str:
        """The user's next step, to go on; empty if nothing is left to search."""
        change = self.change
        return f"to go on, {change}, and give the command with --resume" if change else ""

    def __str__(self) -> str:
        """Return why it ended and what was left out, such as ``17 trials are left``."""
        left = [f"{self.trials_left:,} trials"] if self.trials_left else []
        left += [f"{self.repeats_left:,} repeats of the front"] if self.repeats_left else []
        return f"{self.why}; {' and '.join(left) or 'nothing'} left"

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as ``nas status --json`` has it."""
        return asdict(self) | {"how_to_go_on": self.how_to_go_on}
