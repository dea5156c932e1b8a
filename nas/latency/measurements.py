"""What a run's ledger says of latencies: measured before training, and the front's again after it.

The search's decisions are made by the first measurement, so that of the front's members it is too
low on average. The rule is that of accuracies (:mod:`nas.storage.candidates`): the mean of both
decides who is on the front, and the second alone is shown and limited. ``latency_ms_first`` and
``latency_ms_again`` stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from optuna.trial import FrozenTrial
from pydantic import ValidationError

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.candidates import Candidate, candidates, pareto_front
from nas.storage.damaged_rows import reason
from nas.storage.ledger import Ledger
from search_space.architecture import Architecture
from search_space.cost.latency import DeviceBusy, Latency, LatencyContext

AGAIN = "latencies_again"
"""Of the search's study: second measurements by ``arch_id``."""

NOTABLE_SHARE = 0.1
"""Two measurements farther apart than this share of their mean are told of."""

Meter = Callable[[Sequence[Architecture]], Sequence[Latency | str | DeviceBusy]]
"""Measures architectures one after another on an idle device: a latency, or why there is none.

DeviceBusy stands for one that was not measured for no fault of its own.
"""


class HasTrials(Protocol):
    """A ledger, as far as it is read here."""

    place: str

    def trials(self) -> Sequence[FrozenTrial]:
        """All trials of the search, by number."""


class Disagreement(NamedTuple):
    """An architecture whose two measurements differ notably."""

    arch_id: str
    first_ms: float
    again_ms: float

    @property
    def share(self) -> float:
        """The difference, as a share of the mean."""
        return 2 * abs(self.again_ms - self.first_ms) / (self.again_ms + self.first_ms)


def first_latencies(ledger: HasTrials) -> dict[str, Latency]:
    """What was measured before training, by ``arch_id``."""
    return {
        str(trial.user_attrs.get("arch_id")): _latency(
            trial.user_attrs["latency"], f"{ledger.place}, trial {trial.number}"
        )
        for trial in ledger.trials()
        if "latency" in trial.user_attrs
    }


def second_latencies(ledger: Ledger) -> dict[str, Latency]:
    """What was measured after the search, by ``arch_id``."""
    recorded = ledger.attribute(AGAIN) or {}
    if not isinstance(recorded, dict):
        raise RunError(f"{ledger.place}: {AGAIN} must be a mapping, got {recorded!r}")
    return {name: _latency(entry, f"{ledger.place}, {name}") for name, entry in recorded.items()}


def all_candidates(config: SearchConfig, ledger: Ledger) -> list[Candidate]:
    """Every architecture that a run evaluated, over all evaluations and both measurements of it.

    Raises:
        RunError: the ledger has latencies of different devices or settings, or a second latency
            without a first.
    """
    found = candidates([*ledger.evaluations("search"), *ledger.evaluations("repeats")])
    if not config.uses_latency:
        return found
    first, again = first_latencies(ledger), second_latencies(ledger)
    check_comparable([*first.values(), *again.values()], ledger.place)
    return [
        _with_both(
            candidate,
            _first_of(candidate.arch_id, first, ledger.place),
            again[candidate.arch_id],
            config,
        )
        if candidate.arch_id in again
        else candidate
        for candidate in found
    ]


def by_latency_limit(
    config: SearchConfig, found: Iterable[Candidate]
) -> tuple[list[Candidate], list[Candidate]]:
    """``found`` apart: what ``limits.latency_ms`` allows, and what turned out to be over it.

    The first measurement of all that is trained is within the limit; the second one may be over it,
    and then the candidate is on no front.
    """
    within: list[Candidate] = []
    over: list[Candidate] = []
    for each in found:
        latency_ms = each.metrics.get("latency_ms")
        is_over = latency_ms is not None and config.limits.latency_violations(latency_ms)
        (over if is_over else within).append(each)
    return within, over


def measure_front_again(
    config: SearchConfig, ledger: Ledger, meter: Meter, on_round: Callable[[int], None]
) -> list[Disagreement]:
    """Measure each member of the front that is shown a second time, and record it.

    The second measurement may put a member over the limit, and its mean with the first may put
    others on the front; who comes in is then measured too, until all of the front is. What was
    measured is kept as it comes.

    Args:
        config: the search's.
        ledger: the run's.
        meter: see :data:`Meter`.
        on_round: told how many are measured next.

    Returns:
        those of the front whose two measurements differ by more than 10 % of their mean.

    Raises:
        RunError: a network could not be measured, or on another device than before.
        DeviceBusy: the meter said so; what it had measured until then is kept.
    """
    while True:
        again = second_latencies(ledger)
        within, _ = by_latency_limit(config, all_candidates(config, ledger))
        members = pareto_front(within, ["val_accuracy", config.cost_objective])
        lacking = [member.architecture for member in members if member.arch_id not in again]
        if not lacking:
            break
        batch = lacking[: config.latency.candidates_per_batch]
        on_round(len(batch))
        measured = {a.arch_id: found for a, found in zip(batch, meter(batch), strict=True)}
        again |= {name: found for name, found in measured.items() if isinstance(found, Latency)}
        check_comparable([*first_latencies(ledger).values(), *again.values()], ledger.place)
        recorded = {arch_id: each.model_dump(mode="json") for arch_id, each in again.items()}
        ledger.study("search").set_user_attr(AGAIN, recorded)
        for arch_id, found in measured.items():
            if isinstance(found, DeviceBusy):
                raise found
            if isinstance(found, str):
                raise RunError(f"{arch_id} could not be measured again: {found}")
    first = first_latencies(ledger)
    pairs = [
        Disagreement(
            member.arch_id,
            _first_of(member.arch_id, first, ledger.place).latency_ms,
            again[member.arch_id].latency_ms,
        )
        for member in members
    ]
    return [pair for pair in pairs if pair.share > NOTABLE_SHARE]


def check_comparable(latencies: Iterable[Latency], place: str) -> None:
    """See that latencies are of one device, type, batch, threads, images and version of torch.

    Raises:
        RunError: they are not; with what differs.
    """
    contexts = dict.fromkeys(latency.context for latency in latencies)
    if len(contexts) > 1:
        one, other = list(contexts)[:2]
        raise RunError(f"{place}: {differing(one, other)}")


def differing(one: LatencyContext, other: LatencyContext) -> str:
    """Why two latencies do not compare."""
    pairs = [
        f"{name} {mine!r} and {its!r}"
        for name, mine, its in zip(LatencyContext._fields, one, other, strict=True)
        if mine != its
    ]
    return f"latencies of different devices or settings do not compare: {', '.join(pairs)}"


def _with_both(
    candidate: Candidate, first: Latency, again: Latency, config: SearchConfig
) -> Candidate:
    both = {"latency_ms_first": first.latency_ms, "latency_ms_again": again.latency_ms}

    def with_latency(values: Mapping[str, float], latency_ms: float) -> dict[str, float]:
        changed = {**values, **both, "latency_ms": latency_ms}
        if "val_accuracy_by_latency" in values:
            weighed = config.latency.weighed(values["val_accuracy"], latency_ms)
            changed["val_accuracy_by_latency"] = weighed
        return changed

    mean_ms = (first.latency_ms + again.latency_ms) / 2
    return replace(
        candidate,
        metrics=with_latency(candidate.metrics, again.latency_ms),
        choice=with_latency(candidate.choice, mean_ms),
    )


def _first_of(arch_id: str, first: Mapping[str, Latency], place: str) -> Latency:
    """The first latency of an architecture that has a second one."""
    if arch_id not in first:
        raise RunError(
            f"{place}, {arch_id}: it has a second latency and no first one; a latency is measured "
            "before training first, and again after the search"
        )
    return first[arch_id]


def _latency(record: object, place: str) -> Latency:
    try:
        return Latency.model_validate(record, strict=False)
    except ValidationError as error:
        raise RunError(f"{place}: no latency: {reason(error)}") from error
