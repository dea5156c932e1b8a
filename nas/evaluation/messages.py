"""The messages between the driver and the workers of a search."""

from __future__ import annotations

from typing import NamedTuple

from nas.evaluation.evaluate import EvaluationResult, Progress


class TrialRequest(NamedTuple):
    """A training that the driver asks a worker for.

    The architecture is JSON: where the worker cannot read it (it lacks a module of the user's),
    that is the trial's failure, with its traceback, and not the worker's.
    """

    architecture: str  # canonical JSON
    seed: int
    number: int  # of the trial, by which its state is kept
    pause_at: int | None  # the epoch; None trains to the end
    resumes: bool  # from the state of the same trial's earlier job


class Training(NamedTuple):
    """A training goes on, and has reached a point of its curve."""

    progress: Progress


class Pausing(NamedTuple):
    """A training has reached the epoch at which it was to pause; its state is in the exchange."""

    progress: Progress


class Completed(NamedTuple):
    """A training has ended."""

    result: EvaluationResult


class Raised(NamedTuple):
    """A training raised."""

    traceback: str


class Report(NamedTuple):
    """A worker's message after each of its steps."""

    outcome: Training | Pausing | Completed | Raised
    worker: str = ""  # where it ran
    began_anew: str = ""  # why a state could not be taken up; empty if it could


REQUEST = "request"
"""Under which Tune's configuration of a trial holds the :class:`TrialRequest`."""

REPORT = "report"
"""Under which Tune's result of a step holds the :class:`Report`."""
