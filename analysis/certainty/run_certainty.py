"""The certainty of a run's front: the probability of each architecture to be on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from analysis.accuracy_model.evaluated import TooFewError, by_architecture, evaluated_of
from analysis.accuracy_model.model import Evaluated, Joint, fit, fit_draws
from analysis.accuracy_model.scales import log_odds
from analysis.certainty.membership import FrontOfDraws, expected_misclassified
from analysis.noise import SeedNoise, pooled_deviation, unselected
from nas.random_streams import Stream, generator
from nas.samplers.kernel_inputs import Encoder
from nas.samplers.observations import nearest_to_front
from nas.storage.candidates import Candidate
from nas.storage.evaluation import Evaluation
from search_space.architecture import Architecture
from search_space.space import SearchSpace

FEWEST = 8
"""The fewest evaluated architectures of which anything is said."""

MOST = 300
"""The most architectures that the model is given: those nearest to the front, and some others."""

NOISE_LEVELS, DRAWS = 8, 512
"""Values of the seed noise that are drawn, and draws of all accuracies at each."""


class FrontCertainty(NamedTuple):
    """The certainty of a front.

    ``probabilities`` of architectures that are not among ``compared`` are 0: they were too far off.
    """

    compared: Sequence[Candidate]  # n, of which the model is
    probabilities: Mapping[str, float]  # by arch_id, of every compared one
    misclassified: float  # expected wrong answers, if each is the likelier one
    noise: SeedNoise | None  # in log-odds; None without two evaluations of one architecture
    joint: Joint  # of the n accuracies in log-odds, at the noise that was measured
    seed_variance: float  # of one evaluation, in squared log-odds
    costs: np.ndarray  # [n], by which the front is chosen


def front_certainty(
    rows: Sequence[Evaluation],
    compared: Sequence[Candidate],
    space: SearchSpace,
    *,
    x: str,
    random_sample: Collection[Architecture],
    seed: int,
) -> FrontCertainty:
    """Return the probability of each candidate to be on the front of val_accuracy against ``x``.

    Args:
        rows: the search's own evaluations and its repeats.
        compared: the candidates that may be on the front, each with ``x``.
        space: the run's.
        x: a cost, taken as exact.
        random_sample: see :func:`analysis.noise.seed_noise`.
        seed: the search's.

    Raises:
        TooFewError: fewer than ``FEWEST`` candidates are compared.
        ValueError: an accuracy is not finite, or an architecture is not one of the space.
    """
    if len(compared) < FEWEST:
        raise TooFewError(
            f"the certainty of a front takes {FEWEST} evaluated architectures or more, got "
            f"{len(compared)}"
        )
    rng = generator(seed, Stream.FRONT_CERTAINTY)
    losses = np.array([[-c.choice["val_accuracy"], c.choice[x]] for c in compared])
    compared = [compared[row] for row in nearest_to_front(losses, MOST, rng)]
    grouped = by_architecture(rows)
    evaluated = evaluated_of(
        [grouped[each.architecture] for each in compared], space.encode, log_odds
    )
    noise = pooled_deviation([log_odds(each) for each in unselected(rows, random_sample)])
    encoder = Encoder(space.parameters, evaluated.costs)
    costs = np.array([each.choice[x] for each in compared])
    probabilities = membership(encoder, evaluated, noise, costs, rng)
    model = fit(encoder, evaluated, noise)
    return FrontCertainty(
        compared,
        dict(zip([each.arch_id for each in compared], probabilities.tolist(), strict=True)),
        expected_misclassified(probabilities),
        noise,
        model.of_evaluated(),
        model.seed_variance,
        costs,
    )


def membership(
    encoder: Encoder,
    evaluated: Evaluated,
    noise: SeedNoise | None,
    costs: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the probability ``[n]`` of each evaluated architecture to be on their front.

    Args:
        encoder: makes the surrogate's inputs.
        evaluated: n architectures, in log-odds.
        noise: of one evaluation, in log-odds; None if it was not measured.
        costs: ``[n]``, the front's.
        rng: of the draws.
    """
    front = FrontOfDraws(costs)
    levels = NOISE_LEVELS if noise is not None else 1
    count = NOISE_LEVELS * DRAWS // levels
    shares = [
        front.probabilities(model.of_evaluated().draws(rng.standard_normal((count, len(costs)))))
        for model in fit_draws(encoder, evaluated, noise, levels, rng)
    ]
    return np.asarray(np.mean(shares, axis=0))
