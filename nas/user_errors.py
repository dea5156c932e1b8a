"""Errors that say what a user can change: shown as one message, without a traceback."""

from __future__ import annotations

from nas.constraints import NothingFits, SpaceExhausted
from nas.ray.errors import ClusterError
from nas.run_folder import RunError
from nas.search.failures import TooManyFailures
from nas.trust import TrustError
from nas.zero_cost.errors import ScoreError
from search_space.cost.latency import DeviceBusy
from search_space.reading import DescriptionError
from trainers import CheckpointError, DataError


class CommandError(RuntimeError):
    """A command's arguments make no sense together, or ask for what is not there."""


USER_ERRORS = (
    CheckpointError,
    ClusterError,
    CommandError,
    DataError,
    DescriptionError,
    DeviceBusy,
    NothingFits,
    RunError,
    ScoreError,
    SpaceExhausted,
    TooManyFailures,
    TrustError,
)


def is_user_error(error: Exception) -> bool:
    """Whether ``error`` is one of the above, or the system's about a named file.

    The system's are of a path: too long a name, a path through a file, no permission, a full disk.
    """
    if isinstance(error, OSError):
        return error.filename is not None
    return isinstance(error, USER_ERRORS)


def message_of(error: Exception) -> str:
    """What a user error says."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error.args[0]) if isinstance(error, KeyError) else str(error)
