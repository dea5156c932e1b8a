"""The file ``state.json``: whether a run's search has ended and why, and what its driver waits for.

Nothing here needs PyTorch, so that runs are listed quickly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictBool, ValidationError

from nas.errors import RunError
from nas.storage.run.ending import Ending
from nas.storage.strict_json import read_json_object

STATE_FILE = "state.json"

RUNNING, FINISHED, INTERRUPTED = "running", "finished", "interrupted"
"""The state of a search."""

UNSEARCHED = "unsearched"
"""The state of a run that was made for full trainings: no search has begun."""


class RunState(BaseModel):
    """The state of a run's search, as its driver wrote it last.

    Attributes:
        finished: whether the search has ended.
        unsearched: whether the run was made for full trainings, and no search has begun.
        waiting: what the driver waits for, and since when; empty if for nothing.
        trained: trials that a finished search trained; None before.
        ended: why a finished search ended before all was done; None if it did not.
    """

    model_config = ConfigDict(frozen=True)

    finished: StrictBool = False
    unsearched: StrictBool = False
    waiting: str = ""
    trained: int | None = None
    ended: Ending | None = None

    def in_words(self, *, is_driven: bool) -> str:
        """Return ``running``, ``finished``, ``unsearched`` or ``interrupted``.

        Args:
            is_driven: whether a living process drives the run.
        """
        if is_driven:
            return RUNNING
        if self.finished:
            return FINISHED
        return UNSEARCHED if self.unsearched else INTERRUPTED

    def to_json(self) -> dict[str, Any]:
        """Return plain data, without what is as it is by default, but for ``finished``."""
        return {"finished": self.finished} | self.model_dump(mode="json", exclude_defaults=True)


def read_state(folder: Path) -> RunState:
    """Return the state of the run in a folder; that of one that has just begun without a file.

    Raises:
        RunError: ``state.json`` is damaged.
    """
    file = folder / STATE_FILE
    if not file.is_file():
        return RunState()
    try:
        return RunState.model_validate(read_json_object(file))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise RunError(f"{file} cannot be read: {place}: {problem['msg']}") from error
