"""The messages between the driver and the workers of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from nas.evaluation.evaluate import EvaluationResult, Progress
from nas.evaluation.time_parts import NO_SECONDS


class TrialRequest(NamedTuple):
    """A training that the driver asks a worker for.

    The architecture is JSON: a worker that cannot read it (it lacks a module of the user's) makes
    the trial fail, with the traceback, and goes on.
    """

    architecture: str  # canonical JSON
    seed: int
    number: int  # of the trial; names its saved state
    pause_at: int | None  # the epoch; None trains to the end
    resumes: bool  # from the state of the same trial's earlier job
    avoided_nodes: tuple[str, ...] = ()  # ids of those that may be broken, for this trial
    nodes: tuple[str, ...] = ()  # ids of those that it may run on; none for all but the avoided


class Training(NamedTuple):
    """A training has reached a point of its curve, and continues."""

    progress: Progress


class Pausing(NamedTuple):
    """A training has paused at the requested epoch; its state is in the checkpoint exchange."""

    progress: Progress


class Completed(NamedTuple):
    """A training has ended."""

    result: EvaluationResult


class Raised(NamedTuple):
    """A training has raised an exception."""

    traceback: str


class Began(NamedTuple):
    """A full training has its CPUs and GPUs, and begins."""


class Report(NamedTuple):
    """A worker's message after each of its steps."""

    outcome: Training | Pausing | Completed | Raised
    worker: str = ""  # where it ran
    began_anew: str = ""  # why the state could not be loaded; empty if it could
    seconds: Mapping[str, float] = NO_SECONDS  # of the worker, since the job before this one


REQUEST = "request"
"""The key of the :class:`TrialRequest` in Tune's configuration of a trial."""

REPORT = "report"
"""The key of the :class:`Report` in Tune's result of a step."""
