"""The states of a search's trial, and the legal transitions between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from nas.evaluation.lost_workers import LostWorker
from nas.evaluation.time_parts import NO_SECONDS
from nas.samplers.choice_space import Candidate


class State(StrEnum):
    """The state of a trial."""

    PROPOSED = "proposed"
    """It fits the static limits; its latency is not known yet, if that counts."""
    READY = "ready"
    """It waits for a free worker; perhaps again, after it lost one."""
    RUNNING = "running"
    """A worker trains it."""
    PAUSED = "paused"
    """It waits at a rung."""
    COMPLETE = "complete"
    """It was trained to its end."""
    PRUNED = "pruned"
    """It was stopped early, and has no value."""
    FAILED = "failed"
    """Its training or measurement raised, or cost too many workers."""
    INFEASIBLE = "infeasible"
    """Its measured latency is over the limit."""


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.PROPOSED: frozenset({State.READY, State.FAILED, State.INFEASIBLE}),
    State.READY: frozenset({State.RUNNING, State.FAILED}),
    State.RUNNING: frozenset(
        {State.READY, State.PAUSED, State.COMPLETE, State.PRUNED, State.FAILED}
    ),
    State.PAUSED: frozenset({State.RUNNING, State.PRUNED}),
    State.COMPLETE: frozenset(),
    State.PRUNED: frozenset(),
    State.FAILED: frozenset(),
    State.INFEASIBLE: frozenset(),
}
"""The states that may follow each state."""

UNFINISHED = (State.PROPOSED, State.READY, State.RUNNING)
"""Trials in these states begin anew when an interrupted search is resumed."""

TRAINED = (State.COMPLETE, State.PRUNED)
"""``search.n_trials`` counts trials in these states. Rows of the ledger use the same names."""


class IllegalTransition(RuntimeError):
    """Moving a trial to a state that may not follow its own: a mistake in this program."""


class Trial(NamedTuple):
    """A proposed architecture, its number in the ledger, and its state."""

    number: int
    architecture: Candidate
    state: State = State.PROPOSED
    epochs: int = 0  # trained so far
    lost_workers: tuple[LostWorker, ...] = ()
    seconds: Mapping[str, float] = NO_SECONDS  # of its workers by part, without the lost ones

    def moved(self, state: State, epochs: int | None = None) -> Trial:
        """Return the trial in another state.

        Raises:
            IllegalTransition: ``state`` does not follow this one.
        """
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(
                f"trial {self.number} is {self.state} and cannot become {state}"
            )
        return self._replace(state=state, epochs=self.epochs if epochs is None else epochs)
