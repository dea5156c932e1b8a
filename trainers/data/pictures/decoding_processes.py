"""Chunks of images decoded in worker processes, in the order in which they are asked for."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from trainers.errors import DataError, LoaderLost, lost_loaders_named

CHUNK_IMAGES = 64
"""Images that a process decodes at a time, at most."""

CHUNKS_AHEAD = 2
"""Chunks that each process decodes before they are asked for."""


Wanted = TypeVar("Wanted")
Result = TypeVar("Result")

INTERRUPTION_SECONDS = 1.0
"""PyTorch interrupts the main thread within this time of a loader's death, whatever that does."""


class _Problem(NamedTuple):
    """The message of an error in another process, where a traceback would hide it."""

    message: str
    errno: int | None = None  # of the system


class DecodedChunks(Generic[Wanted, Result]):
    """A stream of what is decoded, in the order in which it is wanted.

    The processes are forks: the arrays that hold names and labels are shared with them, and only
    read.

    Args:
        decode: called in the processes; it raises ``DataError`` for a damaged picture.
        wanted: chunks in order, each of which pickle can carry.
        processes: that decode; 0 decodes when asked, in this process.
        pinned: whether the images lie in page-locked memory, from which a GPU copies faster.
    """

    def __init__(
        self,
        decode: Callable[[Wanted], Result],
        wanted: Iterable[Wanted],
        *,
        processes: int,
        pinned: bool = False,
    ) -> None:
        loader = DataLoader(
            _Decoded(decode),
            sampler=wanted,
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=processes,
            prefetch_factor=CHUNKS_AHEAD if processes else None,
            multiprocessing_context="fork" if processes else None,
            worker_init_fn=_leave_signals if processes else None,
            pin_memory=pinned,
            generator=torch.Generator(),  # it draws a seed, which nothing here uses
        )
        self._chunks: Iterator[Result | _Problem] = iter(loader)

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        """Return what the next chunk gave.

        Raises:
            DataError: a picture cannot be decoded.
            OSError: the machine is at fault.
            LoaderLost: a process died.
        """
        try:
            with lost_loaders_named():
                chunk = next(self._chunks)
        except (EOFError, ConnectionError) as error:  # it died while it sent a chunk
            with lost_loaders_named():
                time.sleep(INTERRUPTION_SECONDS)
            raise LoaderLost(
                "a process that decodes images died: it sent only a part of them"
            ) from error
        if isinstance(chunk, _Problem):
            if chunk.errno is not None:
                raise OSError(chunk.errno, chunk.message)
            raise DataError(chunk.message)
        return chunk


class _Decoded(Dataset[Result | _Problem], Generic[Wanted, Result]):
    """The results of what is wanted, or the problem."""

    def __init__(self, decode: Callable[[Wanted], Result]) -> None:
        self._decode = decode

    def __getitem__(self, wanted: Wanted) -> Result | _Problem:
        try:
            return self._decode(wanted)
        except DataError as error:
            return _Problem(str(error))
        except OSError as error:
            return _Problem(error.strerror or str(error), error.errno)


def _as_it_is(chunk: Result) -> Result:
    """Return a chunk: PyTorch would make tensors of plain values."""
    return chunk


def _leave_signals(worker: int) -> None:
    """Ignore Ctrl-C in a worker: the training ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
