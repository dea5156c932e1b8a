"""Images decoded in worker processes, in the order in which they are asked for."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset

from trainers.errors import DataError, LoaderLost

CHUNK_IMAGES = 64
"""Images that a process decodes at a time, at most."""

CHUNKS_AHEAD = 2
"""Chunks that each process decodes before they are asked for."""


class Wanted(NamedTuple):
    """Images of one epoch.

    Attributes:
        epoch: from 0.
        positions: int64 [B], at most a chunk.
    """

    epoch: int
    positions: torch.Tensor


Decode = Callable[[Wanted], torch.Tensor]
"""A function whose result is uint8 [B, C, H, W]; it raises ``DataError`` for a damaged picture."""


class DecodedChunks:
    """A stream of decoded images.

    The processes are forks: the arrays that hold names and labels are shared with them, and only
    read.

    Args:
        decode: called in the processes.
        wanted: in order; what it yields is a function of its place alone.
        processes: that decode; 0 decodes when asked, in this process.
        pinned: whether the images lie in page-locked memory, from which a GPU copies faster.

    Attributes:
        waited_seconds: time that :meth:`__next__` has taken.
    """

    def __init__(
        self, decode: Decode, wanted: Iterable[Wanted], *, processes: int, pinned: bool
    ) -> None:
        self.waited_seconds = 0.0
        loader = DataLoader(
            _Decoded(decode),
            sampler=wanted,
            batch_size=None,
            num_workers=processes,
            prefetch_factor=CHUNKS_AHEAD if processes else None,
            multiprocessing_context="fork" if processes else None,
            worker_init_fn=_leave_signals if processes else None,
            pin_memory=pinned,
        )
        self._chunks = iter(loader)

    def __iter__(self) -> Iterator[torch.Tensor]:
        return self

    def __next__(self) -> torch.Tensor:
        """Return the next chunk's images.

        Raises:
            DataError: a picture cannot be decoded.
            LoaderLost: a process died.
        """
        began = time.perf_counter()
        try:
            chunk = next(self._chunks)
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise LoaderLost(f"a process that decodes images died: {error}") from error
        finally:
            self.waited_seconds += time.perf_counter() - began
        if isinstance(chunk, str):
            raise DataError(chunk)
        return chunk


class _Decoded(Dataset[torch.Tensor | str]):
    """The decoded images of what is wanted, or the message of an error."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode

    def __getitem__(self, wanted: Wanted) -> torch.Tensor | str:
        try:
            return self._decode(wanted)
        except DataError as error:  # raised again where the message is not lost in a traceback
            return str(error)


def _leave_signals(worker: int) -> None:
    """Ignore Ctrl-C in a worker: the training ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
