"""Evaluations: the rows of the ledger, and their form as Optuna trials."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import AliasChoices, ConfigDict, Field, ValidationError, with_config
from typing_extensions import TypedDict

from nas.evaluation.finite_values import check_finite
from nas.evaluation.lost_workers import LostWorker
from nas.evaluation.time_parts import NO_SECONDS, WAITS
from nas.metrics import whole_counts
from nas.samplers.trials import PAUSED_AT
from nas.storage.provenance import Provenance
from nas.storage.stored_architecture import (
    StoredArchitecture,
    architecture_of,
    stored_architecture,
)
from search_space.architecture import Architecture

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

Kind = Literal["search", "repeats", "baselines", "retrain"]
"""A run's studies: see :mod:`nas.storage.ledger_rows`."""

DEVICE_SECONDS_BEFORE = "gpu_seconds"
"""The name of ``device_seconds`` in ledgers of the first 0.1.0."""


@dataclass(frozen=True)
class Evaluation:
    """One row of the ledger: one training of an architecture, or an attempt at it.

    ``metrics`` holds val_accuracy, params, macs, activations, and latency_ms and test_accuracy
    if they were measured; a full training on the validation images too has no val_accuracy. It is
    empty if the trial did not complete. A pruned trial, stopped after
    ``stopped_at_epoch`` epochs, has a curve, which is no result; so has a paused one, which waits
    at a rung or trains on from there.
    """

    kind: Kind
    number: int
    state: str  # complete, pruned, fail, running, paused
    network: Architecture | StoredArchitecture
    seed: int  # of the training
    recipe_id: str  # of the recipe and fidelity of the training
    metrics: Mapping[str, float]
    curve: Sequence[Mapping[str, Any]]
    device_seconds: float  # wall time of the training's steps, on its device
    error: str | None  # the traceback of a trial that raised
    violation: Mapping[str, float]  # the limits that a rejected proposal exceeded
    started: datetime | None
    finished: datetime | None
    stopped_at_epoch: int | None = None  # of a pruned trial
    training: int | None = None  # number of a full training among those of its architecture, from
    # 0; None for other rows, and in ledgers of the first 0.1.0, where it is seed - search's seed
    lost_workers: tuple[LostWorker, ...] = ()  # during its training, which then began again
    provenance: Provenance = field(default_factory=Provenance)
    seconds: Mapping[str, float] = field(default_factory=dict)  # of its workers by part, without
    # those of ``lost_workers``; empty in ledgers of earlier versions

    @property
    def spent_seconds(self) -> float:
        """The time that its workers did not wait: training, evaluating, what was lost, and others.

        In ledgers of earlier versions it is the time of training steps, and what was lost.
        """
        busy = [each for part, each in self.seconds.items() if part not in WAITS]
        lost = sum(worker.seconds for worker in self.lost_workers)
        return lost + (sum(busy) if self.seconds else self.device_seconds)

    @property
    def architecture(self) -> Architecture:
        """The architecture, read from the ledger's text when it is first asked for.

        Raises:
            RunError: it is not valid, though its ``arch_id`` is right.
        """
        return architecture_of(self.network)

    @property
    def arch_id(self) -> str:
        """The architecture's ``arch_id``."""
        return self.network.arch_id

    @property
    def epochs(self) -> int:
        """The number of epochs that were trained."""
        return int(self.curve[-1]["epoch"]) if self.curve else 0


def row_attributes(
    architecture: Architecture,
    *,
    seed: int,
    recipe_id: str,
    training: int | None = None,
    provenance: Provenance | None = None,
) -> dict[str, Any]:
    """Return the Optuna user attributes of a row's proposal."""
    attributes: dict[str, Any] = {} if training is None else {"training": training}
    attributes |= provenance.attributes() if provenance else {}
    return attributes | {
        "arch_id": architecture.arch_id,
        "description": str(architecture),
        "seed": seed,
        "recipe_id": recipe_id,
        "architecture": architecture.canonical_json(),
    }


def result_attributes(
    metrics: Mapping[str, float],
    curve: Sequence[Mapping[str, Any]],
    device_seconds: float,
    error: str | None,
    lost_workers: Sequence[LostWorker] = (),
    seconds: Mapping[str, float] = NO_SECONDS,
) -> dict[str, Any]:
    """Return the Optuna user attributes of a row's result."""
    attributes: dict[str, Any] = {"device_seconds": device_seconds, "curve": list(curve)}
    attributes |= {"metrics": whole_counts(metrics)} if metrics else {}
    if seconds:
        attributes["seconds"] = dict(seconds)
    if lost_workers:
        attributes["lost_workers"] = [worker.to_json() for worker in lost_workers]
    return attributes | ({"error": error} if error else {})


def value_name(kind: Kind, metrics: Mapping[str, float]) -> str:
    """Return the metric that is the value of a row's Optuna trial, other than the search's own.

    It is val_accuracy, but test_accuracy of a full training on the validation images too.
    """
    is_only_tested = kind == "retrain" and "val_accuracy" not in metrics and bool(metrics)
    return "test_accuracy" if is_only_tested else "val_accuracy"


def curve_points(curve: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    """Return the validation accuracy by epoch, as Optuna's intermediate values."""
    return {
        int(point["epoch"]): float(point["val_accuracy"])
        for point in curve
        if point["val_accuracy"] is not None
    }


class TrialRecord(NamedTuple):
    """A trial of one of Optuna's studies as a storage has it, with its attributes as JSON."""

    number: int
    state: str  # Optuna's name of it, such as COMPLETE
    attributes: Mapping[str, str]  # JSON texts by name
    started: datetime | None  # local time
    finished: datetime | None


STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
"""Optuna's names of the states of a trial."""

WITH_ARCHITECTURE = ("COMPLETE", "PRUNED")
"""The states in which a trial must have an architecture: it gets one before it is trained."""


def record_of(trial: FrozenTrial) -> TrialRecord:
    """Return the record of a trial that Optuna has read."""
    return TrialRecord(
        trial.number,
        trial.state.name,
        {name: json.dumps(value) for name, value in trial.user_attrs.items()},
        trial.datetime_start,
        trial.datetime_complete,
    )


def state_of(trial: FrozenTrial) -> str:
    """Return a row's state: that of its Optuna trial, or ``paused`` if it waits at a rung."""
    return _row_state(trial.state.name, trial.user_attrs)


def _row_state(name: str, attributes: Collection[str]) -> str:
    return "paused" if name == "RUNNING" and PAUSED_AT in attributes else name.lower()


def evaluation_of(kind: Kind, trial: TrialRecord, *, imports: bool = False) -> Evaluation:
    """Read a trial with an architecture as a row.

    ``imports`` is that of :meth:`search_space.architecture.Architecture.from_json`.

    Raises:
        ValueError: a metric is not finite, the architecture is not valid, or an attribute is
            missing or of another type.
    """
    if trial.state not in STATES:
        raise ValueError(f"its state must be one of {', '.join(STATES)}, got {trial.state!r}")
    content = _content_of(trial.attributes)
    complete = trial.state == "COMPLETE"
    metrics = content.metrics if complete else {}
    check_finite(metrics, f"{kind} trial {trial.number}")
    if complete and (value := value_name(kind, metrics)) not in metrics:
        raise ValueError(f"metrics: {value} is missing")
    return Evaluation(
        kind=kind,
        number=trial.number,
        state=_row_state(trial.state, trial.attributes),
        network=stored_architecture(
            content.architecture,
            content.arch_id,
            imports=imports,
            whose=f"{kind} trial {trial.number}",
        ),
        seed=content.seed,
        recipe_id=content.recipe_id,
        metrics=whole_counts(metrics),
        curve=content.curve,
        device_seconds=content.device_seconds,
        error=content.error,
        violation=whole_counts(content.violation),
        stopped_at_epoch=content.stopped_at_epoch,
        training=content.training,
        lost_workers=content.lost_workers,
        seconds=content.seconds,
        provenance=content.provenance,
        started=trial.started,
        finished=trial.finished,
    )


def _content_of(attributes: Mapping[str, str]) -> _Content:
    """Check the attributes of a trial, from their JSON without a copy of it in between."""
    members = ",".join(f"{_quoted(name)}:{text}" for name, text in attributes.items())
    try:
        return _Content.model_validate_json(f"{{{members}}}")
    except ValidationError:
        for text in attributes.values():
            json.loads(text)  # says what is wrong with a text that is no JSON
        raise


@lru_cache(maxsize=1000)
def _quoted(name: str) -> str:
    """Return an attribute's name as JSON; all rows have the same few."""
    return json.dumps(name)


@with_config(ConfigDict(strict=True, extra="allow"))
class _CurvePoint(TypedDict):
    """The fields that every point of a curve must have; a training adds others."""

    epoch: int
    val_accuracy: float | None


class _Content(Provenance):
    """The user attributes of a trial that a row is made of; others are ignored."""

    architecture: str
    arch_id: str = ""
    seed: int = 0
    recipe_id: str = ""
    metrics: dict[str, float] = Field(default_factory=dict)
    curve: list[_CurvePoint] = Field(default_factory=list)
    device_seconds: float = Field(
        default=0.0, validation_alias=AliasChoices("device_seconds", DEVICE_SECONDS_BEFORE)
    )
    error: str | None = None
    violation: dict[str, float] = Field(default_factory=dict)
    stopped_at_epoch: int | None = None
    training: int | None = None
    lost_workers: tuple[LostWorker, ...] = ()
    seconds: dict[str, float] = Field(default_factory=dict)

    @property
    def provenance(self) -> Provenance:
        """The part of it that says where the network comes from."""
        given = self.model_fields_set & Provenance.model_fields.keys()
        return Provenance(**{name: getattr(self, name) for name in given}) if given else UNKNOWN


UNKNOWN = Provenance()
"""The provenance of a row of a search."""
