"""The end of a search before all was done: why it ended, and what is left."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from nas.errors import RunError
from nas.storage.run.folder import RunFolder
from nas.storage.strict_json import read_json_object

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
        return self._asdict() | {"how_to_go_on": self.how_to_go_on}


def ending_of(run: RunFolder) -> Ending | None:
    """Return why a run's search ended early; None if it did not, or has not ended.

    Raises:
        RunError: ``state.json`` is damaged.
    """
    file = run.path / "state.json"
    content = read_json_object(file).get(ENDING) if file.is_file() else None
    if content is None:
        return None
    try:
        return TypeAdapter(Ending).validate_python(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, (ENDING, *problem["loc"])))
        raise RunError(f"{file} cannot be read: {place}: {problem['msg']}") from error
