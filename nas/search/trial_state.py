"""The states that a trial of a search can be in, and how it gets from one to the next."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from nas.samplers.choice_space import Candidate


class State(StrEnum):
    """Where a trial is."""

    PROPOSED = "proposed"
    """It fits the static limits. Its latency, if that counts, is not known yet."""
    READY = "ready"
    """It may be trained as soon as there is a free worker."""
    RUNNING = "running"
    """A worker trains it."""
    PAUSED = "paused"
    """It waits at a rung."""
    COMPLETE = "complete"
    """It was trained to its end."""
    PRUNED = "pruned"
    """It was stopped early, and has no value."""
    FAILED = "failed"
    """Its training or measurement raised, or killed its worker."""
    INFEASIBLE = "infeasible"
    """It was measured over a limit."""


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.PROPOSED: frozenset({State.READY, State.FAILED, State.INFEASIBLE}),
    State.READY: frozenset({State.RUNNING}),
    State.RUNNING: frozenset({State.PAUSED, State.COMPLETE, State.PRUNED, State.FAILED}),
    State.PAUSED: frozenset({State.RUNNING, State.PRUNED}),
    State.COMPLETE: frozenset(),
    State.PRUNED: frozenset(),
    State.FAILED: frozenset(),
    State.INFEASIBLE: frozenset(),
}
"""From each state, those that may follow it."""

UNFINISHED = (State.PROPOSED, State.READY, State.RUNNING)
"""Trials that an interrupted search takes up again from their beginning."""

TRAINED = (State.COMPLETE, State.PRUNED)
"""``search.n_trials`` counts these: trained to the end, or stopped early. A row of the ledger calls
them the same."""


class IllegalTransition(RuntimeError):
    """A trial was moved to a state that does not follow its own: a mistake in this program."""


class Trial(NamedTuple):
    """An architecture under its number in the ledger."""

    number: int
    architecture: Candidate
    state: State = State.PROPOSED
    epochs: int = 0  # trained until now

    def moved(self, state: State, epochs: int | None = None) -> Trial:
        """The trial in the state that follows.

        Raises:
            IllegalTransition: ``state`` does not follow this one.
        """
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(
                f"trial {self.number} is {self.state}, from which it cannot become {state}"
            )
        return self._replace(state=state, epochs=self.epochs if epochs is None else epochs)
