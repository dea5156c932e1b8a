"""Random numbers by name: no two uses of a search's seed share a stream.

A stream derives from (seed, its name, an index), and from nothing that was drawn before, so a
resumed search draws the same numbers as an uninterrupted one. A training's streams are those of
``trainers.randomness``.

Source: NumPy's "Parallel random number generation", spawn keys of a ``SeedSequence``.
"""

from __future__ import annotations

from enum import IntEnum, unique

import numpy as np


@unique
class Stream(IntEnum):
    """The independent uses of randomness in a search.

    The numbers are part of every result: a new use takes a new number, and none is used again.
    """

    PROPOSAL = 0
    """A sampler's draws for a trial; the index is the trial's number."""
    OTHER_PARAMETER = 1
    """A trial's parameter that is not the space's; by trial's number and checksum of its name."""
    RESERVOIR = 2
    """The random candidates that the default sampler compares in a large space."""
    TIGHT_LIMITS = 3
    """Candidates that the default sampler searches for within tight limits."""
    FIRST_PROPOSALS = 4
    """The order of the default sampler's first proposals."""
    FITTED_RESULTS = 5
    """Results that hyperparameters are fitted to; the index is their number."""
    RANKED_SCORES = 6
    """Candidates among which scores of untrained networks are ranked."""
    GRID_ORDER = 7
    """The order of a grid search."""
    NOISE_SAMPLE = 8
    """Candidates of a search that are trained with other seeds, to measure the noise."""
    FULL_TRAINING = 9
    """Seeds of full trainings; the index is the training's number."""
    SCORED_IMAGES = 10
    """Images that scores of untrained networks are computed on."""
    CHECKED_LIMITS = 11
    """The check before a search that a candidate is within the limits."""
    CHECKED_PROXIES = 12
    """The check before a search that candidates have proxies."""
    CHECKED_IMAGES = 13
    """The check before a search that candidates take the images."""
    DRY_RUN = 14
    """Candidates whose costs a dry run computes."""
    MEASURED_PARTS = 15
    """The order in which a latency table's parts are measured."""
    MEASURED_NETWORKS = 16
    """Networks that a latency table is corrected by."""
    FRONT_CERTAINTY = 30
    """Draws of accuracies that say how sure a front is."""
    FURTHER_SEEDS = 31
    """Draws and outcomes by which further seeds are chosen."""
    EXPLAINED = 32
    """Architectures of a space over which effects of choices are averaged."""
    TABLE_NOISE = 33
    """Deviations of single trainings that a replay on a table sees."""


KEPT = {Stream.NOISE_SAMPLE: 0x401, Stream.FULL_TRAINING: 0xF011}
"""Streams that resuming a run of an early version must continue. They derive from the number that
was combined with their seed before streams had names."""


def sequence(seed: int, stream: Stream, *index: int) -> np.random.SeedSequence:
    """Return the source of a stream's random numbers.

    Args:
        seed: the search's, 0 or more.
        stream: the use of the numbers.
        index: which of the stream's several uses, such as a trial's number; each 0 or more and
            below 2**32.
    """
    if stream in KEPT:
        return np.random.SeedSequence((seed, KEPT[stream], *index))
    return np.random.SeedSequence(seed, spawn_key=(int(stream), *index))


def generator(seed: int, stream: Stream, *index: int) -> np.random.Generator:
    """Return a generator at the beginning of a stream; arguments as of :func:`sequence`."""
    return np.random.default_rng(sequence(seed, stream, *index))


def derived_seed(seed: int, stream: Stream, *index: int) -> int:
    """Return a seed of 32 bits for another library's generator; as :func:`sequence`."""
    return int(sequence(seed, stream, *index).generate_state(1)[0])
