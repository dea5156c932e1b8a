"""An explanation of a run: effects of choices, shares of variance, and stages, of every quantity.

The quantities are accuracy, by the surrogate model of all evaluations
(:mod:`analysis.accuracy_model`), the costs that follow from an architecture exactly, and latency
by a surrogate of its logarithm where it was measured.

Legend: M reference architectures.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from analysis.accuracy_model.evaluated import TooFewError, by_architecture, evaluated_of
from analysis.accuracy_model.model import Evaluated, Joint, fit
from analysis.accuracy_model.scales import as_it_is
from analysis.explanation.contrasts import Estimate, estimates, weights
from analysis.explanation.importance import PairShare, Variances
from analysis.explanation.reference import Costs, Reference, reference_of
from analysis.explanation.stages import StageContrast, stage_contrasts
from analysis.noise import SeedNoise, seed_noise
from nas.metrics import COUNTS
from nas.random_streams import Stream, generator
from nas.samplers.kernel_inputs import Encoder
from nas.storage.evaluation import Evaluation
from search_space.architecture import Architecture
from search_space.space import SearchSpace
from search_space.space.parameters import INACTIVE, Choice

FEWEST = 12
"""The fewest evaluated architectures of which anything is said."""

MOST = 500
"""The most evaluated architectures that the model is given, drawn at random."""

DRAWS = 64
"""Draws of the accuracies of all reference architectures."""

LATENCY = "latency_ms"


class ChoiceEffect(NamedTuple):
    """The change that a choice of a parameter makes, on average, against its other choices."""

    parameter: str
    choice: Choice
    n: int  # evaluated architectures with it
    accuracy: Estimate  # as a fraction
    accuracy_at_equal_cost: Estimate | None  # None if the cost says who has it
    costs: Mapping[str, Estimate]  # change of the cost's logarithm


class ParameterShare(NamedTuple):
    """The share of each quantity's variance that a parameter explains by itself."""

    parameter: str
    accuracy: Estimate
    costs: Mapping[str, float]  # of the cost's logarithm


class StageEffect(NamedTuple):
    """The effect of a kind of attention in a stage on accuracy, at equal cost, as a fraction."""

    contrast: StageContrast
    accuracy: Estimate


class Explanation(NamedTuple):
    """The choices of a space as a run's evaluations show them."""

    architectures: int  # evaluated ones that the model was given
    reference: int  # architectures over which effects are averaged
    equal_cost: str  # the cost at which accuracies are compared
    noise: SeedNoise | None  # of accuracy between seeds
    effects: Sequence[ChoiceEffect]
    shares: Sequence[ParameterShare]  # in the space's order
    pairs: Sequence[PairShare]  # of accuracy, the largest first
    stages: Sequence[StageEffect]


class _Quantity(NamedTuple):
    """A quantity over the reference: exactly known, or with a joint distribution."""

    joint: Joint
    own_variance: float


def explain(
    rows: Sequence[Evaluation],
    space: SearchSpace,
    costs: Costs,
    limits: Mapping[str, float],
    *,
    equal_cost: str,
    random_sample: Collection[Architecture],
    seed: int,
) -> Explanation:
    """Explain a run.

    Args:
        rows: the search's own evaluations and its repeats.
        space: the run's.
        costs: of its architectures.
        limits: on some of ``nas.metrics.COUNTS``; effects are averaged within them.
        equal_cost: one of ``nas.metrics.COUNTS``.
        random_sample: see :func:`analysis.noise.seed_noise`.
        seed: the search's.

    Raises:
        TooFewError: fewer than ``FEWEST`` architectures are evaluated.
        TooTightError: hardly any architecture is within the limits.
    """
    grouped = list(by_architecture(rows).values())
    if len(grouped) < FEWEST:
        raise TooFewError(
            f"to explain a run takes {FEWEST} evaluated architectures or more, got {len(grouped)}"
        )
    rng = generator(seed, Stream.EXPLAINED)
    grouped = [grouped[index] for index in np.sort(rng.permutation(len(grouped))[:MOST])]
    evaluated = evaluated_of(grouped, space.encode, as_it_is)
    reference = reference_of(space, costs, limits, rng)
    encoder = Encoder(space.parameters, np.concatenate([evaluated.costs, reference.costs]))
    noise = seed_noise(rows, random_sample)
    accuracy = _modelled(encoder, evaluated, reference, noise)
    by_cost = {name: _exact(np.log(reference.cost(name))) for name in COUNTS}
    latencies = [rows[0].metrics.get(LATENCY) for rows in grouped]
    if all(latencies):
        measured = evaluated._replace(means=np.log(np.array(latencies, dtype=float)))
        by_cost[LATENCY] = _modelled(encoder, measured, reference, None)
    log_cost = by_cost[equal_cost].joint.mean
    contrasts = stage_contrasts(
        reference.architectures, [each[0].architecture for each in grouped], log_cost
    )
    by_stage = estimates([each.weights for each in contrasts], *accuracy)
    variances = _variances(accuracy, reference, rng)
    return Explanation(
        len(grouped),
        len(reference.architectures),
        equal_cost,
        noise,
        _effects(space, evaluated, reference, accuracy, by_cost, log_cost),
        _shares(space, reference, variances, by_cost),
        variances.pairs(),
        [StageEffect(*pair) for pair in zip(contrasts, by_stage, strict=True)],
    )


def _modelled(
    encoder: Encoder, evaluated: Evaluated, reference: Reference, noise: SeedNoise | None
) -> _Quantity:
    """Return a quantity of the reference by a model of what was evaluated."""
    model = fit(encoder, evaluated, noise)
    joint = model.of_others(encoder(reference.vectors, reference.costs))
    return _Quantity(joint, model.own_variance)


def _exact(values: np.ndarray) -> _Quantity:
    return _Quantity(Joint(values, np.zeros((len(values), len(values)))), 0.0)


def _variances(quantity: _Quantity, reference: Reference, rng: np.random.Generator) -> Variances:
    count = len(reference.architectures)
    draws = quantity.joint.draws(rng.standard_normal((DRAWS, count)))
    draws += quantity.own_variance**0.5 * rng.standard_normal((DRAWS, count))
    return Variances(reference, draws)


def _effects(
    space: SearchSpace,
    evaluated: Evaluated,
    reference: Reference,
    accuracy: _Quantity,
    by_cost: Mapping[str, _Quantity],
    log_cost: np.ndarray,
) -> list[ChoiceEffect]:
    """Return the effect of each choice that is made in some reference architectures."""
    effects = []
    for index, parameter in enumerate(space.parameters):
        column = reference.vectors[:, index]
        for number, choice in enumerate(parameter.choices):
            plain = weights(column == number, column != INACTIVE)
            if plain is None:
                continue
            equal = weights(column == number, column != INACTIVE, log_cost)
            effects.append(
                ChoiceEffect(
                    parameter.name,
                    choice,
                    int((evaluated.vectors[:, index] == number).sum()),
                    estimates([plain], *accuracy)[0],
                    None if equal is None else estimates([equal], *accuracy)[0],
                    {name: estimates([plain], *each)[0] for name, each in by_cost.items()},
                )
            )
    return effects


def _shares(
    space: SearchSpace,
    reference: Reference,
    variances: Variances,
    by_cost: Mapping[str, _Quantity],
) -> list[ParameterShare]:
    costs = {
        name: Variances(reference, each.joint.mean[None]).single() for name, each in by_cost.items()
    }
    return [
        ParameterShare(parameter.name, share, {name: costs[name][index].mean for name in costs})
        for index, (parameter, share) in enumerate(
            zip(space.parameters, variances.single(), strict=True)
        )
    ]
