"""The end of a search before all was done: why it ended, and what is left."""

from __future__ import annotations

from typing import Any, NamedTuple

ENDING = "ended"
"""The key of an :class:`Ending` in a run's ``state.json``."""

SPACE = "space"
"""Ends a search in place of a setting: there are no more architectures."""


class Ending(NamedTuple):
    """The end of a search that did not train all that it was asked for."""

    by: str  # the setting, such as search.max_hours, or ``SPACE``
    why: str  # in words
    trials_left: int  # fewer than search.n_trials
    repeats_left: int  # of the front, in the round that was not ended

    @property
    def how_to_go_on(self) -> str:
        """The change with which the search goes on; empty if nothing is left to search."""
        changes = {
            "search.stop_below": "lower search.stop_below, or set it to null",
            "search.max_hours": "raise search.max_hours",
            "search.max_device_hours": "raise search.max_device_hours",
        }
        change = changes.get(self.by)
        return f"to go on, {change}, and give the command with --resume" if change else ""

    @property
    def what_is_left(self) -> str:
        """The trials and repeats that were left out: ``17 trials and 6 repeats of the front``."""
        left = [f"{self.trials_left} trials"] if self.trials_left else []
        left += [f"{self.repeats_left} repeats of the front"] if self.repeats_left else []
        return " and ".join(left) or "nothing"

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as ``state.json`` and ``nas status --json`` have it."""
        return self._asdict() | {"how_to_go_on": self.how_to_go_on}
