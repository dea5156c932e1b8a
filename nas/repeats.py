"""Which trainings with other seeds the finalists of a search still lack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nas.config import SearchConfig
from nas.evaluation_row import Evaluation
from nas.front import Candidate, candidates, pareto_front
from search_space.architecture import Architecture

NOISE_STREAM = 0x401
"""Of the search's seed: the draw of the sample that the noise is measured on."""


class Round(NamedTuple):
    """One round of repeats: the trainings that the front asked for when the round began."""

    number: int  # from 1
    size: int  # trainings
    left: list[tuple[Architecture, int]]  # those without a result: architectures and seeds


def unfinished_round(
    config: SearchConfig, trained: Sequence[Evaluation], repeated: Sequence[Evaluation]
) -> Round:
    """The first round of repeats that is not done; where all are, the last with nothing left.

    Means move as seeds are added, so the front may change until all its members have them. The
    rounds are gone through from the first, each with no more results in view than it began with:
    what is trained depends neither on which of a round's jobs was the fastest, nor on where a
    search was interrupted.

    Args:
        config: the search's.
        trained: the search's own evaluations.
        repeated: the repeats so far, failed ones too.
    """
    results = {(row.arch_id, row.seed): row for row in repeated}
    known: dict[tuple[str, int], Evaluation] = {}  # of the rounds that are done
    last = Round(0, 0, [])
    while True:
        finalists = _finalists(config, candidates([*trained, *known.values()]), trained)
        jobs = [
            (architecture, seed)
            for seed in config.fresh_seeds
            for architecture in finalists
            if (architecture.arch_id, seed) not in known
        ]
        if not jobs:
            return last
        left = [job for job in jobs if (job[0].arch_id, job[1]) not in results]
        last = Round(last.number + 1, len(jobs), left)
        if left:
            return last
        keys = [(architecture.arch_id, seed) for architecture, seed in jobs]
        known |= {key: results[key] for key in keys}


def _finalists(
    config: SearchConfig, found: Sequence[Candidate], trained: Sequence[Evaluation]
) -> list[Architecture]:
    """The front's members, and a random sample of what was trained."""
    front = pareto_front(found, dict.fromkeys(["val_accuracy", *config.objectives]))
    if config.cost_objective not in config.objectives:
        front += pareto_front(found, ["val_accuracy", config.cost_objective])
    chosen = [member.architecture for member in front]
    return list(dict.fromkeys([*chosen, *random_sample(config, trained)]))


def random_sample(config: SearchConfig, trained: Sequence[Evaluation]) -> list[Architecture]:
    """Draw the architectures on which the noise is measured, whatever their accuracies.

    Args:
        config: the search's; ``search.noise_candidates`` are drawn, by its seed.
        trained: the search's own evaluations. The draw is another when more are trained.
    """
    first_results = candidates(trained)
    rng = np.random.default_rng([config.seed, NOISE_STREAM])
    drawn = rng.permutation(len(first_results))[: config.search.noise_candidates]
    return [first_results[index].architecture for index in drawn]
