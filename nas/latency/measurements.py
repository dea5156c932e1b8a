"""The latencies in a run's ledger: all measured before training, the front's again at the end.

The search decides by the first measurement, which is therefore too low on average for the front's
members. As with accuracies (:mod:`nas.storage.candidates`), the mean of both measurements decides
which candidates are on the front, and only the second is shown and limited. ``latency_ms_first``
and ``latency_ms_again`` have both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pydantic import ValidationError

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.candidates import Candidate, candidates, pareto_front
from nas.storage.database.damage_text import reason
from nas.storage.evaluation import TrialRecord
from nas.storage.ledger_view import LedgerView
from search_space.architecture import Architecture
from search_space.cost.latency_record import DeviceBusy, Latency, LatencyContext

if TYPE_CHECKING:
    from nas.storage.ledger import Ledger

AGAIN = "latencies_again"
"""The attribute of the search's study that holds second measurements by ``arch_id``."""

NOTABLE_SHARE = 0.1
"""Two measurements that differ by more than this share of their mean are reported."""

Meter = Callable[[Sequence[Architecture]], Sequence[Latency | str | DeviceBusy]]
"""Measures architectures one after another on an idle device: a latency, or why there is none.

DeviceBusy says that the device was busy, so that the architecture could not be measured.
"""


class HasRecords(Protocol):
    """The part of a ledger that :func:`first_latencies` reads."""

    place: str

    def records(self) -> Sequence[TrialRecord]:
        """Return all trials of the search, by number."""


class Disagreement(NamedTuple):
    """An architecture whose two measurements differ notably."""

    arch_id: str
    first_ms: float
    again_ms: float

    @property
    def share(self) -> float:
        """The difference, as a share of the mean."""
        return 2 * abs(self.again_ms - self.first_ms) / (self.again_ms + self.first_ms)


def first_latencies(ledger: HasRecords) -> dict[str, Latency]:
    """Return the latencies measured before training, by ``arch_id``."""
    return {
        str(json.loads(trial.attributes.get("arch_id", "null"))): _latency(
            json.loads(trial.attributes["latency"]), f"{ledger.place}, trial {trial.number}"
        )
        for trial in ledger.records()
        if "latency" in trial.attributes
    }


def second_latencies(ledger: LedgerView) -> dict[str, Latency]:
    """Return the latencies measured after the search, by ``arch_id``."""
    recorded = ledger.attribute(AGAIN) or {}
    if not isinstance(recorded, dict):
        raise RunError(f"{ledger.place}: {AGAIN} must be a mapping, got {recorded!r}")
    return {name: _latency(entry, f"{ledger.place}, {name}") for name, entry in recorded.items()}


def all_candidates(config: SearchConfig, ledger: LedgerView) -> list[Candidate]:
    """Return every architecture that a run evaluated, over all evaluations and latencies of it.

    Raises:
        RunError: the ledger has latencies of different devices or settings, or a second latency
            without a first.
    """
    evaluated = candidates([*ledger.evaluations("search"), *ledger.evaluations("repeats")])
    if not config.uses_latency:
        return evaluated
    check_comparable(all_latencies(ledger), ledger.place)
    return with_second_latencies(evaluated, config, ledger)


def all_latencies(ledger: LedgerView) -> list[Latency]:
    """Return every latency that a run measured."""
    return [*first_latencies(ledger).values(), *second_latencies(ledger).values()]


def with_second_latencies(
    evaluated: Iterable[Candidate], config: SearchConfig, ledger: LedgerView
) -> list[Candidate]:
    """Return candidates with both of the latencies that a run measured of them.

    Raises:
        RunError: the ledger has a second latency without a first.
    """
    first, again = first_latencies(ledger), second_latencies(ledger)
    return [
        _with_both(
            candidate,
            _first_of(candidate.arch_id, first, ledger.place),
            again[candidate.arch_id],
            config,
        )
        if candidate.arch_id in again
        else candidate
        for candidate in evaluated
    ]


def by_latency_limit(
    config: SearchConfig, evaluated: Iterable[Candidate]
) -> tuple[list[Candidate], list[Candidate]]:
    """Split candidates into those within ``limits.latency_ms`` and those over it.

    The first measurement of every trained candidate is within the limit. If the second one is over
    it, the candidate is on no front.
    """
    within: list[Candidate] = []
    over: list[Candidate] = []
    for each in evaluated:
        latency_ms = each.metrics.get("latency_ms")
        is_over = latency_ms is not None and config.limits.latency_violations(latency_ms)
        (over if is_over else within).append(each)
    return within, over


def front_of_run(config: SearchConfig, ledger: LedgerView) -> list[Candidate]:
    """Return the front of accuracy against the run's cost, within its latency limit.

    Raises:
        RunError: the ledger cannot be read.
    """
    within, _ = by_latency_limit(config, all_candidates(config, ledger))
    return pareto_front(within, ["val_accuracy", config.cost_objective])


def measure_front_again(
    config: SearchConfig, ledger: Ledger, meter: Meter, on_round: Callable[[int], None]
) -> list[Disagreement]:
    """Measure each member of the front a second time, and record it in the ledger.

    The second measurement may put a member over the limit, and its mean with the first may put
    others on the front; these are measured too, until every member of the front is. Each batch of
    measurements is recorded at once.

    Args:
        config: the search's.
        ledger: the run's.
        meter: see :data:`Meter`.
        on_round: called with the number of architectures in the next batch.

    Returns:
        The members of the front whose two measurements differ by more than 10 % of their mean.

    Raises:
        RunError: a network could not be measured, or was measured on another device than before.
        DeviceBusy: the meter said so; the measurements until then are kept.
    """
    while True:
        again = second_latencies(ledger)
        members = front_of_run(config, ledger)
        lacking = [member.architecture for member in members if member.arch_id not in again]
        if not lacking:
            break
        batch = lacking[: config.latency.candidates_per_batch]
        on_round(len(batch))
        measured = {a.arch_id: outcome for a, outcome in zip(batch, meter(batch), strict=True)}
        again |= {name: each for name, each in measured.items() if isinstance(each, Latency)}
        check_comparable([*first_latencies(ledger).values(), *again.values()], ledger.place)
        recorded = {arch_id: each.model_dump(mode="json") for arch_id, each in again.items()}
        study = ledger.study("search")
        ledger.transact(partial(study.set_user_attr, AGAIN, recorded))
        for arch_id, outcome in measured.items():
            if isinstance(outcome, DeviceBusy):
                raise outcome
            if isinstance(outcome, str):
                raise RunError(f"{arch_id} could not be measured again: {outcome}")
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
    """Check that latencies are of one device, type, batch, threads, images and version of torch.

    Raises:
        RunError: they are not; the message has what differs.
    """
    contexts = dict.fromkeys(latency.context for latency in latencies)
    if len(contexts) > 1:
        one, other = list(contexts)[:2]
        raise RunError(f"{place}: {differing(one, other)}")


def differing(one: LatencyContext, other: LatencyContext) -> str:
    """Say why two latencies do not compare."""
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
    """Return the first latency of an architecture that has a second one."""
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
