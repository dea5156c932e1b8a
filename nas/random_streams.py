"""Random numbers by name: no two uses of a search's seed share a stream.

A stream derives from (seed, its name, an index), and from nothing that was drawn before, so that a
resumed search draws what it would have drawn. The streams of a training are those of
``trainers.randomness``.

Source: NumPy's "Parallel random number generation", spawn keys of a ``SeedSequence``.
"""

from __future__ import annotations

from enum import IntEnum, unique

import numpy as np


@unique
class Stream(IntEnum):
    """The independent uses of randomness in a search.

    The numbers are part of every result: a new use takes a new one, and none is given anew.
    """

    PROPOSAL = 0
    """What a sampler draws for a trial; the index is the trial's number."""
    OTHER_PARAMETER = 1
    """A trial's parameter that is not the space's; trial's number, checksum of its name."""
    RESERVOIR = 2
    """The random candidates that the default sampler compares in a large space."""
    TIGHT_LIMITS = 3
    """Candidates that the default sampler seeks within tight limits."""
    FIRST_PROPOSALS = 4
    """The order of the default sampler's first proposals."""
    FITTED_RESULTS = 5
    """Results that hyperparameters are fitted to; the index is how many there are."""
    RANKED_SCORES = 6
    """Candidates among which scores of untrained networks are ranked."""
    GRID_ORDER = 7
    """The order of a grid search."""
    NOISE_SAMPLE = 8
    """Candidates of a search that are trained with other seeds, to measure the noise."""
    FULL_TRAINING = 9
    """Seeds of full trainings; the index is the training's number."""
    SCORED_IMAGES = 10
    """Images that scores of untrained networks look at."""
    CHECKED_LIMITS = 11
    """Before a search: candidates among which one within the limits is sought."""
    CHECKED_PROXIES = 12
    """Before a search: candidates that are seen to have proxies."""
    CHECKED_IMAGES = 13
    """Before a search: candidates that are seen to take the images."""
    DRY_RUN = 14
    """Candidates that a dry run costs."""
    MEASURED_PARTS = 15
    """The order in which a latency table's parts are measured."""
    MEASURED_NETWORKS = 16
    """Networks that a latency table is corrected by."""


KEPT = {Stream.NOISE_SAMPLE: 0x401, Stream.FULL_TRAINING: 0xF011}
"""Streams of which runs on disk hold results that resuming counts on, with the number that stood
beside their seed before streams had names. They derive from it as ever."""


def sequence(seed: int, stream: Stream, *index: int) -> np.random.SeedSequence:
    """Return the source of a stream's random numbers.

    Args:
        seed: the search's, 0 or more.
        stream: what the numbers are for.
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
