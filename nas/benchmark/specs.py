"""Samplers and schedulers by the command line's names, such as ``nsga2:population_size=20``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from optuna.samplers import BaseSampler

from nas.benchmark.replay import RungSchedule
from nas.benchmark.table import BenchmarkTable
from nas.config.sections import SchedulerSettings
from nas.samplers import SAMPLERS, build_sampler
from nas.samplers.choice_space import ENUMERABLE
from nas.schedulers.registry import RUNG_RULES, rung_rule
from nas.schedulers.rungs import rungs_below
from search_space.nearest import hint
from search_space.yaml_validation import ConfigError, parse_yaml

PLAIN = "none"
HALVING: Final = "asha"
HALVING_DEFAULTS = SchedulerSettings(name=HALVING)

BESIDE_DEFAULTS = ("nsga2:population_size=20",)
"""Replayed in addition to every sampler with its defaults.

Optuna's default population of 50 suits long runs only.
"""


class SpecError(ValueError):
    """The name or an option of a sampler or scheduler is wrong; the message says which."""


class Spec(NamedTuple):
    """A name with options."""

    text: str  # as typed, and as results name it
    name: str
    options: Mapping[str, Any]


def parse_spec(text: str) -> Spec:
    """Parse ``name`` or ``name:option=value:option=value``; values are YAML.

    Raises:
        SpecError: the text is something else, or gives an option twice.
    """
    name, *parts = text.strip().split(":")
    options: dict[str, Any] = {}
    for part in parts:
        option, equals, value = part.partition("=")
        if not equals or not option:
            raise SpecError(f"{text!r}: an option must be NAME=VALUE, got {part!r}")
        if option in options:
            raise SpecError(f"{text!r}: {option} is given twice")
        try:
            options[option] = parse_yaml(value, option)
        except ConfigError as error:
            problem = "; ".join(error.problems)
            raise SpecError(f"{text!r}: {option}: cannot be read: {value!r}: {problem}") from error
    if not name:
        raise SpecError(f"{text!r}: a name must come first")
    return Spec(text.strip(), name, options)


def all_samplers(table: BenchmarkTable) -> list[Spec]:
    """Return every sampler that ``table`` allows, with its defaults, and ``BESIDE_DEFAULTS``."""
    names = [name for name in SAMPLERS if name != "grid" or table.space.size <= ENUMERABLE]
    return [parse_spec(text) for text in (*names, *BESIDE_DEFAULTS)]


def sampler_of(spec: Spec, table: BenchmarkTable, *, seed: int) -> Callable[[int], BaseSampler]:
    """Return a function from a proposal's number to the sampler that makes it.

    Raises:
        ConfigError: no such sampler, or an option that it does not take.
    """
    return build_sampler(
        spec.name,
        spec.options,
        table.space,
        costs=table.costs,
        objectives=table.objectives,
        seed=seed,
        score_source=table.scores,
    )


def build_schedule(spec: Spec, table: BenchmarkTable) -> RungSchedule | None:
    """Return the rungs and the rule of a scheduler; None for ``none``.

    Args:
        spec: ``none``, or ``asha`` with ``min_epochs``, ``reduction_factor``, ``spacing`` and
            ``type``. ``min_epochs`` is the first evaluated epoch by default; the others have the
            defaults of a search's configuration.
        table: its evaluated epochs may be rungs.

    Raises:
        SpecError: the name, an option or the type is unknown, the table has no curves, there is no
            rung before the last epoch, or the table has no accuracy at a rung.
    """
    if spec.name not in (PLAIN, HALVING):
        raise SpecError(
            f"no scheduler is called {spec.name!r}; {hint(spec.name, (PLAIN, HALVING))}"
        )
    known = ("min_epochs", "reduction_factor", "spacing", "type") if spec.name == HALVING else ()
    _check_options(spec, known)
    if spec.name == PLAIN:
        return None
    chosen = spec.options.get("type", HALVING_DEFAULTS.type)
    if chosen not in tuple(RUNG_RULES):  # a tuple, since the given value may not be hashable
        raise SpecError(f"{spec.text}: unknown type {chosen!r}; {hint(str(chosen), RUNG_RULES)}")
    if not table.epochs:
        raise SpecError(
            f"{spec.text}: {table.name} has no accuracies during training to stop by; "
            "a table of `nas tabulate` has"
        )
    factor = spec.options.get("reduction_factor", HALVING_DEFAULTS.reduction_factor)
    first = spec.options.get("min_epochs", table.epochs[0])
    spacing = spec.options.get("spacing", HALVING_DEFAULTS.spacing)
    try:
        rungs = rungs_below(
            table.epochs[-1], min_epochs=first, reduction_factor=factor, spacing=spacing
        )
        rung_rule(chosen, rungs, factor)  # raises if the factor is wrong
    except (TypeError, ValueError) as error:
        raise SpecError(f"{spec.text}: {error}") from error
    missing = [rung for rung in rungs if rung not in table.epochs]
    if missing or not rungs:
        raise SpecError(
            f"{spec.text}: rungs must be evaluated epochs before the last, got "
            f"{', '.join(map(str, rungs)) or 'none'}; {table.name} has "
            f"{', '.join(map(str, table.epochs))}"
        )
    settings = SchedulerSettings(
        name=HALVING, type=chosen, spacing=spacing, min_epochs=first, reduction_factor=factor
    )
    return RungSchedule(settings, rungs)


def _check_options(spec: Spec, known: Iterable[str]) -> None:
    for option in spec.options:
        if option not in known:
            raise SpecError(
                f"{spec.text}: {spec.name} has no option {option!r}; {hint(option, known)}"
            )
