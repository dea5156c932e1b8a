"""The sections of a search's configuration."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from nas.rungs import Spacing, check_reduction_factor
from nas.samplers import OPTUNA_SAMPLERS
from search_space.values import Value
from trainers import DataConfig

Objective = Literal["val_accuracy", "val_accuracy_by_latency", "params", "macs", "latency_ms"]
ACCURACIES = ("val_accuracy", "val_accuracy_by_latency")
"""Objectives that move while a network is trained."""

Objectives = Annotated[
    tuple[Objective, ...],
    BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v),
    Field(min_length=1),
]


RunNames = Annotated[
    tuple[str, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)
]


def _has_validation(data: DataConfig) -> DataConfig:
    if data.validation_images == 0:
        raise ValueError("validation_images must be at least 1, by which networks compare, got 0")
    return data


DataWithValidation = Annotated[DataConfig, AfterValidator(_has_validation)]
"""Data for networks that are compared by their validation accuracy."""


class SamplerSettings(Value):
    """Which search strategy proposes; ``options`` are the strategy's own."""

    name: str = "default"
    options: dict[str, Any] = Field(default_factory=dict)
    papers_first: bool = False  # begin with the papers' networks that the space holds
    learn_from: RunNames = ()  # earlier runs: their fronts come first, their results are learned

    @field_validator("learn_from")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError(f"a run's results would count twice, got {list(names)}")
        return names

    @model_validator(mode="after")
    def _own_where_warm(self) -> SamplerSettings:
        if (self.papers_first or self.learn_from) and self.name in OPTUNA_SAMPLERS:
            raise ValueError(
                "papers_first and learn_from need one of this project's samplers, got "
                f"{self.name!r}"
            )
        return self


MOST_FINALIST_SEEDS = 1_000_000
"""Bounds the seeds that a search may use, see :mod:`nas.full_training_seed`."""


class SearchSettings(Value):
    """How long to search, and how."""

    n_trials: int = Field(default=48, ge=1)  # architectures trained
    concurrency: int | None = Field(default=None, ge=1)  # trials at once; None fills the cluster
    deterministic: bool = False  # proposal n sees only results before n - concurrency
    # evaluations of each member of the front, the search's own among them
    finalist_seeds: int = Field(default=3, ge=1, le=MOST_FINALIST_SEEDS)
    noise_candidates: int = Field(default=4, ge=0)  # random trained ones that get as many, to
    # measure the deviation from seed to seed where the front does not choose
    max_failures: int = Field(default=10, ge=1)  # raising trials in a row that stop the search


NEED_NO_FINISHED = ("default", "random", "grid")
"""Samplers that make do without a finished trial: the first reads rungs, the others nothing."""


class SchedulerSettings(Value):
    """Which trials are not trained to their end: ``asha`` compares them at rungs.

    ``stopping`` judges each when it gets there (nas/halving.py); ``promotion`` pauses every trial
    at a rung, with its state on the disk, and lets the best go on later (nas/promotion.py), which
    ``rung_by_rung`` does when all have begun.
    """

    name: Literal["none", "asha"] = "none"
    type: Literal["stopping", "promotion", "rung_by_rung"] = "stopping"
    spacing: Spacing = "geometric"  # of the rungs: see nas/rungs.py
    min_epochs: int | None = Field(default=None, ge=1)  # the first rung; None takes the first
    # epoch at which the proxy recipe evaluates
    reduction_factor: float = Field(default=3, gt=1, allow_inf_nan=False)  # of as many at a rung,
    # one goes on; with geometric spacing, also a rung's epoch over that of the one before

    @model_validator(mode="after")
    def _rungs_at_epochs(self) -> SchedulerSettings:
        check_reduction_factor(self.reduction_factor, self.spacing)
        return self


class ResourceSettings(Value):
    """What one trial takes; fractions of a GPU share it."""

    cpus_per_trial: float = Field(default=1, gt=0)
    gpus_per_trial: float = Field(default=0, ge=0)


class RaySettings(Value):
    """Where to run: ``address`` is all that a cluster needs; None starts a local Ray."""

    address: str | None = None  # "auto" (on a node of the cluster) or "host:6379"

    @field_validator("address")
    @classmethod
    def _no_client(cls, address: str | None) -> str | None:
        if address is not None and address.startswith("ray://"):
            raise ValueError(
                f"Ray Client does not carry a search, got {address!r}: run it on a node of the "
                "cluster with address auto or host:6379 (or as a Ray job)"
            )
        return address
