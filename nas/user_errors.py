"""Errors that say what a user can change: shown as one message, without a traceback."""

from __future__ import annotations

from nas.constraints import NothingFits, SpaceExhausted
from nas.failures import TooManyFailures
from nas.run_folder import RunError
from nas.trust import TrustError
from nas.zero_cost.errors import ScoreError
from search_space.cost.latency import DeviceBusy
from search_space.reading import DescriptionError
from trainers import CheckpointError, DataError


class CommandError(RuntimeError):
    """A command's arguments make no sense together, or ask for what is not there."""


USER_ERRORS = (
    CheckpointError,
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
    """Whether ``error`` is one of the above, or a cluster's, which is known once Ray is."""
    from nas.ray.cluster import ClusterError  # noqa: PLC0415

    return isinstance(error, (*USER_ERRORS, ClusterError))
