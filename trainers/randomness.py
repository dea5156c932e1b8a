"""Random numbers that derive from (seed, stream, index) and leave the caller's generators alone."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """The independent uses of randomness in a run; the numbers are part of every result."""

    TRAINING = 0
    RECALIBRATION = 1
    ORDER = 2
    AUGMENTATION = 3
    MIXING = 4
    GROUP = 5


def checked_seed(seed: int) -> int:
    """Return ``seed`` as a plain int.

    Raises:
        TypeError: it is no integer.
        ValueError: it is negative.
    """
    value = operator.index(seed)
    if value < 0:
        raise ValueError(f"seed must be 0 or more, got seed={value}")
    return value


def derived_seed(seed: int, stream: Stream, index: int = 0) -> int:
    """Return a 64-bit seed for one stream, mixed: neighbouring seeds give unrelated numbers."""
    sequence = np.random.SeedSequence((seed, int(stream), index))
    return int(sequence.generate_state(1, np.uint64)[0])


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed torch's generators of the CPU and of ``device``.

    ``torch.manual_seed`` would seed every GPU, also those that :func:`seeded` does not restore.
    """
    torch.default_generator.manual_seed(seed)
    for index in _cuda_indices(device):
        torch.cuda.default_generators[index].manual_seed(seed)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's generators of the CPU and of ``device`` inside, restore them on leaving."""
    with torch.random.fork_rng(devices=_cuda_indices(device)):
        seed_generators(seed, device)
        yield


def _cuda_indices(device: torch.device) -> list[int]:
    if device.type != "cuda":
        return []
    return [torch.cuda.current_device() if device.index is None else device.index]
