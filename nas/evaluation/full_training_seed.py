"""The seeds of full trainings, which no search uses.

A search evaluates with the seed ``config.seed`` (its own trials) and the next few (repeats of its
finalists), and chooses by the results. A full training with one of these seeds would begin from
initial weights that the search chose because they were lucky.

``config.seed`` is below 2**63 and a search has at most ``MOST_FINALIST_SEEDS`` evaluations of a
finalist, so that all seeds of searches are below 2**63 + 2**62. The seeds of full trainings begin
there.
"""

from __future__ import annotations

import numpy as np

from nas.random_streams import Stream, sequence

LEAST_FULL_SEED = 2**63 + 2**62
"""Above every seed of a search; 2**62 seeds of 64 bits are left above it."""


def full_training_seed(search_seed: int, number: int) -> int:
    """Return the seed of initial weights, order, augmentation and dropout of a full training.

    All architectures of a run have the same seeds, so that their full trainings are paired.

    Args:
        search_seed: the search's, 0 or more.
        number: of the training among those of one architecture, from 0.

    Returns:
        from ``LEAST_FULL_SEED`` to 2**64 - 1.
    """
    (drawn,) = sequence(search_seed, Stream.FULL_TRAINING, number).generate_state(1, np.uint64)
    return LEAST_FULL_SEED + int(drawn) % 2**62
