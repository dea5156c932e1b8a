"""Evaluations: the rows of the ledger, and their form as Optuna trials."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from optuna.trial import FrozenTrial, TrialState
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from nas.evaluation.finite_values import check_finite
from nas.evaluation.lost_workers import LostWorker
from nas.evaluation.time_parts import NO_SECONDS, WAITS
from nas.metrics import whole_counts
from nas.samplers.trials import PAUSED_AT
from nas.storage.provenance import Provenance
from search_space.architecture import Architecture

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
    architecture: Architecture
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
    def arch_id(self) -> str:
        """The architecture's ``arch_id``."""
        return self.architecture.arch_id

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


def state_of(trial: FrozenTrial) -> str:
    """Return a row's state: that of its Optuna trial, or ``paused`` if it waits at a rung."""
    is_paused = trial.state == TrialState.RUNNING and PAUSED_AT in trial.user_attrs
    return "paused" if is_paused else trial.state.name.lower()


def evaluation_of(kind: Kind, trial: FrozenTrial, *, imports: bool = False) -> Evaluation:
    """Read an Optuna trial with an architecture as a row.

    ``imports`` is that of :meth:`search_space.architecture.Architecture.from_json`.

    Raises:
        ValueError: a metric is not finite, the architecture is not valid, or an attribute is
            missing or of another type.
    """
    attributes = trial.user_attrs
    content = _Content.model_validate_json(json.dumps(attributes))
    complete = trial.state == TrialState.COMPLETE
    metrics = content.metrics if complete else {}
    check_finite(metrics, f"{kind} trial {trial.number}")
    if complete and (value := value_name(kind, metrics)) not in metrics:
        raise ValueError(f"metrics: {value} is missing")
    return Evaluation(
        kind=kind,
        number=trial.number,
        state=state_of(trial),
        architecture=Architecture.from_json(content.architecture, imports=imports),
        seed=content.seed,
        recipe_id=content.recipe_id,
        metrics=whole_counts(metrics),
        curve=attributes.get("curve", []),
        device_seconds=content.device_seconds,
        error=content.error,
        violation=attributes.get("violation", {}),
        stopped_at_epoch=content.stopped_at_epoch,
        training=content.training,
        lost_workers=content.lost_workers,
        seconds=content.seconds,
        provenance=Provenance(**{name: getattr(content, name) for name in Provenance.model_fields}),
        started=trial.datetime_start,
        finished=trial.datetime_complete,
    )


class _CurvePoint(BaseModel):
    """The fields that every point of a curve must have; a training adds others."""

    model_config = ConfigDict(strict=True)

    epoch: int
    val_accuracy: float | None


class _Content(Provenance):
    """The user attributes of a trial that a row is made of; others are ignored."""

    architecture: str
    seed: int = 0
    recipe_id: str = ""
    metrics: dict[str, float] = Field(default_factory=dict)
    curve: tuple[_CurvePoint, ...] = ()
    device_seconds: float = Field(
        default=0.0, validation_alias=AliasChoices("device_seconds", DEVICE_SECONDS_BEFORE)
    )
    error: str | None = None
    violation: dict[str, float] = Field(default_factory=dict)
    stopped_at_epoch: int | None = None
    training: int | None = None
    lost_workers: tuple[LostWorker, ...] = ()
    seconds: dict[str, float] = Field(default_factory=dict)
