"""Errors whose reason lies outside this package's code."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

FAULTS_OF_MACHINES = frozenset(
    {
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EROFS,
        errno.ESTALE,
    }
)
"""Errors of the system for which neither a network nor an image is to blame."""


class DataError(ValueError):
    """Images, labels, a path or a split's size cannot be used; the message says which and why."""


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, read, or belongs to another run."""


class TrainingDiverged(ValueError):
    """The loss is not finite any more; the message names the epoch, step and learning rate."""


class MemoryShort(RuntimeError):
    """One normalisation group does not fit in the device's memory; the message says its size."""


class RanksDiffer(ValueError):
    """The processes that train together have other data, recipes or weights; with which."""


class RankLost(RuntimeError):
    """Another process that trains with this one is gone; a training goes on from its last state."""


class LoaderLost(RuntimeError):
    """A process that decodes images died; a training goes on from its last state."""


@contextmanager
def lost_loaders_named() -> Iterator[None]:
    """Raise LoaderLost where PyTorch says that a worker of its DataLoader died.

    It says so by an interruption of the main thread, wherever that is, such as in a training step.
    """
    try:
        yield
    except LoaderLost:
        raise
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        first = str(error).splitlines()[0]
        raise LoaderLost(f"a process that decodes images died: {first}") from error


def listed_problems(place: str, problems: list[str]) -> DataError:
    """Return the error for problems of ``place``, a line each if there are several."""
    if len(problems) == 1:
        return DataError(f"{place}: {problems[0]}")
    return DataError("\n  ".join([f"{place}: {len(problems)} problems:", *problems]))
