"""Errors that a user can act on: a command shows each as one message, without a traceback."""

from __future__ import annotations


class UserError(Exception):
    """The base of this package's errors whose message tells a user what to change."""


class CommandError(UserError, RuntimeError):
    """A command's arguments contradict each other, or name something that does not exist."""


class RunError(UserError, RuntimeError):
    """A run cannot be found, made, read or used; the message says which and why."""


class RunIsDrivenError(RunError):
    """Another process drives the run: it is searching or retraining."""


class TrustError(UserError, RuntimeError):
    """An untrusted file asks for an act, such as an import; the message says how to allow it."""


class ClusterError(UserError, RuntimeError):
    """The cluster cannot be reached, refuses this command, or cannot hold a single trial."""


class NothingFits(UserError, RuntimeError):
    """No architecture within the limits was found."""


class SpaceExhausted(UserError, RuntimeError):
    """Every architecture within the limits that could be found was proposed already."""


class TooManyFailures(UserError, RuntimeError):
    """Trials kept raising; the message ends with the last traceback."""


class ScoreError(UserError, ValueError):
    """A network has no such score; the message says which, and why."""


def user_errors() -> tuple[type[Exception], ...]:
    """Return all errors that a user can act on, with those of the packages below this one.

    They are imported here, since this module lies below theirs and every command imports it.
    """
    from search_space.cost.latency_record import DeviceBusy  # noqa: PLC0415
    from search_space.yaml_validation import ConfigError  # noqa: PLC0415
    from trainers import CheckpointError, DataError  # noqa: PLC0415

    return (UserError, ConfigError, DeviceBusy, CheckpointError, DataError)


def is_user_error(error: Exception) -> bool:
    """Return whether a user can act on ``error``: it is this project's, or an OSError with a file.

    The system raises the latter for a name that is too long, a path through a file, a missing
    permission, or a full disk.
    """
    if isinstance(error, OSError):
        return error.filename is not None
    return isinstance(error, user_errors())


def message_of(error: Exception) -> str:
    """Return the message of a user error."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error)
