"""The faults of one row of a ledger: its values against each other, the space and the costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from nas.config.search_config import SearchConfig
from nas.samplers.trials import PAUSED_AT
from nas.storage.evaluation import Evaluation, curve_points, value_name
from search_space.architecture import Task
from search_space.cost import network_costs
from search_space.space import SearchSpace

TOLERANCE = 1e-6
"""The relative difference of two values that some database has rounded."""

Subject = Literal["space", "seed", "recipe", "costs", "length", "choices", "values", "curve"]

OF_THE_SETTINGS: tuple[Subject, ...] = ("space", "seed", "recipe", "costs", "length", "choices")
"""Faults that all rows have if ``config.yaml`` or ``task.json`` is another run's."""

KEEPS_ITS_PROPOSAL: tuple[Subject, ...] = ("costs", "length", "values", "curve")
"""Faults of a training's result alone: the trial can be trained again under its number."""


class Fault(NamedTuple):
    """One thing that is wrong with a row."""

    subject: Subject
    text: str


def may_have(subject: Subject, row: Evaluation) -> bool:
    """Whether rows like this one are examined for faults of a subject."""
    if subject in ("costs", "length"):
        return row.state == "complete"
    if subject in ("seed", "choices"):
        return row.kind == "search"
    return row.kind != "retrain"


def faults_of(
    row: Evaluation,
    trial: FrozenTrial,
    config: SearchConfig,
    space: SearchSpace,
    task: Task | None,
) -> list[Fault]:
    """Return what is wrong with a row that can be read."""
    return [
        *_of_proposal(row, trial, config, space),
        *_of_result(row, trial, config),
        *_of_costs(row, task),
        *_of_curve(row, trial, config),
    ]


def _of_proposal(
    row: Evaluation, trial: FrozenTrial, config: SearchConfig, space: SearchSpace
) -> Iterator[Fault]:
    if row.kind in ("search", "repeats") and not space.contains(row.architecture):
        yield Fault("space", f"the space {space.name!r} does not hold {row.arch_id}")
        return
    recorded = trial.user_attrs.get("arch_id")
    if recorded is not None and recorded != row.arch_id:
        yield Fault("choices", f"its arch_id is {recorded}, that of its architecture {row.arch_id}")
    if row.kind == "search" and row.seed != config.seed:
        yield Fault("seed", f"its seed is {row.seed}, the search's is {config.seed}")
    if row.kind != "retrain" and row.recipe_id != config.proxy_id:
        yield Fault("recipe", f"its recipe is {row.recipe_id!r}, the proxy's is {config.proxy_id}")
    if row.kind == "search":
        chosen = space.params_of(row.architecture)
        if trial.params != chosen:
            wrong = sorted(
                name
                for name in trial.params.keys() | chosen.keys()
                if trial.params.get(name) != chosen.get(name)
            )
            yield Fault("choices", f"its parameters {', '.join(wrong)} are not its architecture's")


def _of_result(row: Evaluation, trial: FrozenTrial, config: SearchConfig) -> Iterator[Fault]:
    if not math.isfinite(row.device_seconds) or row.device_seconds < 0:
        yield Fault("values", f"its device_seconds are {row.device_seconds}")
    for part, seconds in row.seconds.items():
        if not math.isfinite(seconds) or seconds < 0:
            yield Fault("values", f"its seconds of {part} are {seconds}")
    for name, value in row.violation.items():
        if not math.isfinite(value):
            yield Fault("values", f"it exceeds the limit on {name} with {value}")
    if row.state != "complete":
        return
    own = (value_name(row.kind, row.metrics),)
    objectives = config.objectives if row.kind == "search" else own
    lacking = [name for name in objectives if name not in row.metrics]
    values = trial.values or []
    if lacking:
        yield Fault("values", f"its metrics lack the objective {lacking[0]}")
        return
    expected = [row.metrics[name] for name in objectives]
    if len(values) != len(expected):
        yield Fault("values", f"it has {len(values)} values for {len(expected)} objectives")
    for name, value, metric in zip(objectives, values, expected, strict=False):
        if not math.isfinite(value) or not math.isclose(value, metric, rel_tol=TOLERANCE):
            yield Fault("values", f"its value of {name} is {value}, its metric {metric}")


def _of_costs(row: Evaluation, task: Task | None) -> Iterator[Fault]:
    if row.state != "complete" or task is None:
        return
    try:
        costs: Mapping[str, float] = network_costs(row.architecture, task).metrics()
    except ValueError as error:
        yield Fault("costs", f"its network cannot take the task's images: {error}")
        return
    for name, exact in costs.items():
        if name in row.metrics and row.metrics[name] != exact:
            yield Fault("costs", f"its {name} are {row.metrics[name]:,}, those of its network "
                        f"{exact:,}")  # fmt: skip


def _of_curve(row: Evaluation, trial: FrozenTrial, config: SearchConfig) -> Iterator[Fault]:
    epochs = [int(point["epoch"]) for point in row.curve]
    if epochs != sorted(set(epochs)):
        yield Fault("curve", "its curve's epochs do not ascend")
        return
    points = curve_points(row.curve)
    wrong = [
        epoch
        for epoch in points.keys() | trial.intermediate_values.keys()
        if not _close(points.get(epoch), trial.intermediate_values.get(epoch))
    ]
    is_ended = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
    if wrong and (is_ended or row.state == "paused"):
        yield Fault("curve", f"its accuracies at epoch {min(wrong)} differ in curve and trial")
    length = {"retrain": config.retrain.epochs}.get(row.kind, config.proxy.epochs)
    is_present = row.kind != "retrain" or row.recipe_id == config.retrain_id
    if row.state == "complete" and not row.curve:
        yield Fault("curve", "its curve is missing")
    elif row.state == "complete" and is_present and row.epochs != length:
        yield Fault("length", f"its curve ends at epoch {row.epochs} of {length}")
    elif row.state == "complete" and not _close(
        row.curve[-1]["val_accuracy"], row.metrics.get("val_accuracy")
    ):
        yield Fault("curve", "its curve does not end with its val_accuracy")
    ends = {"pruned": row.stopped_at_epoch, "paused": trial.user_attrs.get(PAUSED_AT)}
    if row.state in ends and ends[row.state] != row.epochs:
        yield Fault(
            "curve", f"it is {row.state} after epoch {ends[row.state]}, its curve has {row.epochs}"
        )


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isfinite(one) and math.isclose(one, other, rel_tol=TOLERANCE)
