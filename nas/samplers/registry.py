"""Search strategies by name, each an Optuna sampler."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.samplers import BaseSampler

from nas.costs.limits import Rejections
from nas.random_streams import Stream, derived_seed
from nas.samplers.aging_evolution import AgingEvolutionSampler
from nas.samplers.architecture_sampler import ArchitectureSampler
from nas.samplers.bayesian_optimization import BayesianOptimizationSampler
from nas.samplers.choice_space import Candidate, ChoiceSpace, KnownCosts
from nas.samplers.grid import GridSampler
from nas.samplers.names import SAMPLERS
from nas.samplers.pareto_local_search import ParetoLocalSearchSampler
from nas.samplers.prior_scores import PriorScores, ScoreSource
from nas.samplers.random_search import RandomSampler
from nas.samplers.trials import CompletedTrial
from search_space.nearest import hint
from search_space.yaml_validation import ConfigError

ARCHITECTURE_SAMPLERS: dict[str, type[ArchitectureSampler]] = {
    "default": BayesianOptimizationSampler,
    "pareto_local_search": ParetoLocalSearchSampler,
    "aging_evolution": AgingEvolutionSampler,
    "random": RandomSampler,
    "grid": GridSampler,
}
"""This project's samplers: they know every candidate's exact cost, and never repeat one."""

OPTUNA_SAMPLERS: dict[str, Callable[..., BaseSampler]] = {
    "nsga2": optuna.samplers.NSGAIISampler,
    "tpe": optuna.samplers.TPESampler,
}
"""Optuna's samplers: they may propose an architecture that is over a limit or was proposed."""

OPTION_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
}
"""The types of a value that an option of each annotation takes; a bool is no number."""


def build_sampler(
    name: str,
    options: Mapping[str, Any],
    space: ChoiceSpace,
    *,
    costs: KnownCosts | None = None,
    objectives: Sequence[str] = (),
    limits: Mapping[str, float] | None = None,
    first: Sequence[Candidate] = (),
    earlier: Sequence[CompletedTrial] = (),
    repeats: Sequence[CompletedTrial] = (),
    seed: int = 0,
    rejections: Rejections | None = None,
    score_source: ScoreSource | None = None,
) -> Callable[[int], BaseSampler]:
    """Return the function from a proposal's number to the sampler that makes the proposal.

    This project's samplers derive a proposal's randomness from its number themselves. One of
    Optuna's is made anew for each proposal, seeded by (seed, number); its memory is the study.
    The option ``scores`` names scores that ``score_source`` has.

    Raises:
        ConfigError: there is no such sampler, or it does not take an option.
    """
    if name not in SAMPLERS:
        raise _wrong(f"sampler.name: no sampler is called {name!r}; {hint(name, SAMPLERS)}")
    takes = options_of(name)
    known = list(takes)
    unknown = [option for option in options if option not in known]
    if unknown:
        raise _wrong(
            *(
                f"sampler.options.{option}: {name!r} has no such option; {hint(option, known)}"
                for option in unknown
            )
        )

    options = dict(options)
    problems = [
        f"sampler.options.{option}: {problem}, got {value!r}"
        for option, value in options.items()
        if option != "scores" and (problem := _wrong_type(takes[option], value))
    ]
    if problems:
        raise _wrong(*problems)
    if "scores" in options:
        options["scores"] = _scores(options["scores"], score_source)

    def make(number: int) -> BaseSampler:
        if name in ARCHITECTURE_SAMPLERS:
            return ARCHITECTURE_SAMPLERS[name](
                space,
                costs=costs,
                objectives=objectives,
                limits=limits,
                first=first,
                earlier=earlier,
                repeats=repeats,
                seed=seed,
                rejections=rejections,
                **options,
            )
        return OPTUNA_SAMPLERS[name](seed=derived_seed(seed, Stream.PROPOSAL, number), **options)

    try:
        sampler = make(0)
    except (TypeError, ValueError) as error:
        raise _wrong(f"sampler.options: {name!r} does not take them: {error}") from error
    return (lambda number: sampler) if name in ARCHITECTURE_SAMPLERS else make


def options_of(name: str) -> dict[str, inspect.Parameter]:
    """Return a sampler's options by name: its parameters that :func:`build_sampler` leaves free."""
    sampler = ARCHITECTURE_SAMPLERS.get(name) or OPTUNA_SAMPLERS[name]
    warm_start = {"first", "earlier", "repeats"}
    given = {"space", "costs", "objectives", "limits", *warm_start, "seed", "rejections"}
    parameters = inspect.signature(sampler).parameters.values()
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {p.name: p for p in parameters if p.kind in kinds and p.name not in given}


def _wrong_type(option: inspect.Parameter, value: Any) -> str:
    """Say why an option's value does not fit its annotation; empty if it does."""
    annotation = str(option.annotation)  # text, by ``from __future__ import annotations``
    kind = annotation.removesuffix(" | None")
    if value is None and kind != annotation:
        return ""
    if kind not in OPTION_TYPES:
        return f"must be a {kind}, which cannot be given as an option"
    fits = isinstance(value, OPTION_TYPES[kind]) and isinstance(value, bool) == (kind == "bool")
    return "" if fits else f"must be of type {annotation}"


def _scores(names: Any, source: ScoreSource | None) -> PriorScores | None:
    """Return the scores of these names; None if there are no names."""
    place = "sampler.options.scores"
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise _wrong(f"{place}: must be a list of names, such as [synflow, naswot], got {names!r}")
    if not names:
        return None
    if source is None:
        raise _wrong(f"{place}: this search has no scores of candidates")
    try:
        return source(names)
    except ValueError as error:
        raise _wrong(f"{place}: {error}") from error


def _wrong(*problems: str) -> ConfigError:
    return ConfigError("the sampler", problems)
