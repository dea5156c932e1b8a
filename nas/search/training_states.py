"""States of paused trainings: a search keeps them until the trials continue or end."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from nas.errors import RunError

log = logging.getLogger(__name__)


class TrainingStates(Protocol):
    """A place for training states: :class:`nas.storage.networks.checkpoints.PausedStates`."""

    def holds(self, number: int) -> bool:
        """Whether a trial's state is there."""

    def save(self, number: int, content: bytes) -> None:
        """Keep a trial's state in place of an earlier one."""

    def load(self, number: int) -> bytes:
        """Return a trial's state."""

    def discard(self, number: int) -> None:
        """Remove a trial's state, if there is one."""

    def keep_only(self, numbers: set[int]) -> None:
        """Remove the states of all other trials."""

    def place_of(self, number: int) -> str:
        """Return the name of a trial's state in messages."""


class PausedTrainings:
    """The states of a search's paused trainings, with one message for each that is lost.

    Args:
        states: their place; None in a search whose trials never pause.
    """

    def __init__(self, states: TrainingStates | None) -> None:
        self._states = states

    def save(self, number: int, state: bytes) -> None:
        """Keep a trial's state.

        Raises:
            RunError: it cannot be written.
        """
        assert self._states is not None
        try:
            self._states.save(number, state)
        except OSError as error:
            raise RunError(
                f"cannot write {self._states.place_of(number)}, from which a paused training "
                f"would continue: {error.strerror or error}"
            ) from error

    def load(self, number: int) -> bytes:
        """Return a trial's state.

        Raises:
            RunError: it cannot be read.
        """
        assert self._states is not None
        try:
            return self._states.load(number)
        except OSError as error:
            place = self._states.place_of(number)
            raise RunError(f"cannot read {place}: {error.strerror or error}") from error

    def holds(self, number: int) -> bool:
        """Whether a trial's state is there; warn if it is not."""
        assert self._states is not None
        if self._states.holds(number):
            return True
        log.warning(
            "%s is missing: trial %d is trained again from its first epoch",
            self._states.place_of(number),
            number,
        )
        return False

    def discard(self, number: int) -> None:
        """Remove a trial's state, if there is one."""
        if self._states is not None:
            self._states.discard(number)

    def keep_only(self, numbers: Iterable[int]) -> None:
        """Remove the states of all other trials."""
        if self._states is not None:
            self._states.keep_only(set(numbers))
