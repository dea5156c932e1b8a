"""The sections of a search's configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from nas.metrics import METRICS, Objective
from nas.samplers.names import OPTUNAS_SAMPLERS
from nas.schedulers.promotion import expected_epochs
from nas.schedulers.registry import PAUSING
from nas.schedulers.rungs import Spacing, check_reduction_factor
from search_space.values import Value
from trainers import DataConfig
from trainers.settings import list_to_tuple

ACCURACIES = tuple(name for name in get_args(Objective) if METRICS[name].moves_while_training)
"""Objectives that move while a network is trained."""

Objectives = Annotated[tuple[Objective, ...], BeforeValidator(list_to_tuple), Field(min_length=1)]

RunNames = Annotated[tuple[str, ...], BeforeValidator(list_to_tuple)]


def _has_validation(data: DataConfig) -> DataConfig:
    if data.validation_images == 0:
        raise ValueError("validation_images must be at least 1, by which networks compare, got 0")
    return data


DataWithValidation = Annotated[DataConfig, AfterValidator(_has_validation)]
"""Data for networks that are compared by their validation accuracy."""


class SamplerSettings(Value):
    """The search strategy, which proposes architectures, with its own options."""

    name: str = "default"
    """The strategy, one of those below."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of that strategy, listed below."""
    papers_first: bool = False
    """Begin with the papers' networks that the space holds."""
    learn_from: RunNames = ()
    """Names of earlier runs. Their fronts are proposed first, and the sampler learns from their
    results."""

    @field_validator("learn_from")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError(f"a run's results would count twice, got {list(names)}")
        return names

    @model_validator(mode="after")
    def _own_where_warm(self) -> SamplerSettings:
        if (self.papers_first or self.learn_from) and self.name in OPTUNAS_SAMPLERS:
            raise ValueError(
                "papers_first and learn_from need one of this project's samplers, got "
                f"{self.name!r}"
            )
        return self


MOST_FINALIST_SEEDS = 1_000_000
"""Bounds the seeds that a search may use, see :mod:`nas.evaluation.full_training_seed`."""


class SearchSettings(Value):
    """The length of a search, its concurrency, and the evaluations of its finalists."""

    n_trials: int = Field(default=48, ge=1)
    """Architectures to train. Unit: trials."""
    concurrency: int | None = Field(default=None, ge=1)
    """Trials at the same time; null for as many as the cluster holds. Unit: trials."""
    deterministic: bool = False
    """Proposal n uses only the results of proposals before n - concurrency, so that a search on
    several workers can be repeated. It needs `search.concurrency`."""
    finalist_seeds: int = Field(default=3, ge=1, le=MOST_FINALIST_SEEDS)
    """Evaluations of each member of the front with different seeds, the one of the search among
    them. Unit: evaluations."""
    noise_candidates: int = Field(default=4, ge=0)
    """Trained architectures, chosen at random, that get as many evaluations as a finalist, to
    estimate the deviation between seeds without the bias of selection. Unit: architectures."""
    max_hours: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Time after which the search ends, earlier attempts at the same run and the repeats of the
    front included; null for no limit. No training is cut short. Unit: hours."""
    max_device_hours: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The same for the time of all trials' workers together, failed, pruned and lost ones included.
    Unit: hours of one trial's worker."""
    stop_below: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The search ends when the growth that the sampler expects of the next hour was lower three
    times in a row: 0.01 is a hundredth of the front's present hypervolume, with one objective of
    accuracy a point; null for never. It needs a sampler that predicts accuracies. Unit: 1/hour."""
    max_failures: int = Field(default=10, ge=1)
    """Trials in a row that may raise an error before the search stops. Unit: trials."""
    timeout_minutes: float | None = Field(default=10, gt=0, allow_inf_nan=False)
    """A training that takes longer is taken for hung, and is ended, once 5 trials are finished;
    see `search.timeout_factor`. Null for no limit. Unit: minutes."""
    timeout_factor: float = Field(default=10, ge=1, allow_inf_nan=False)
    """The limit is this many times the median time of the finished trials within a factor 2 of its
    MACs, if that is longer than `search.timeout_minutes`."""
    patience_minutes: float = Field(default=10, ge=0, allow_inf_nan=False)
    """Time that a search waits for what the machine lacks, such as memory, the cluster's head or
    the storage's server, before it ends with an error that says how to resume. Unit: minutes."""

    @property
    def timed_ends(self) -> tuple[str, ...]:
        """The keys in use that end a search by its time or by what an hour brings."""
        keys = ("max_hours", "max_device_hours", "stop_below")
        return tuple(f"search.{key}" for key in keys if getattr(self, key) is not None)

    @property
    def patience_seconds(self) -> float:
        """The time in ``patience_minutes``."""
        return 60 * self.patience_minutes

    def fresh_seeds(self, seed: int) -> tuple[int, ...]:
        """Return the seeds of the finalists' further evaluations in a search with this seed."""
        return tuple(seed + repeat for repeat in range(1, self.finalist_seeds))


class SchedulerSettings(Value):
    """Whether trials are stopped early; ``asha`` compares them at rungs.

    ``stopping`` judges a trial when it reaches a rung (nas/schedulers/stopping.py); ``promotion``
    pauses every trial at a rung, with its state on the disk, and promotes the best later
    (nas/schedulers/promotion.py); ``rung_by_rung`` does so after all trials have begun.
    """

    name: Literal["none", "asha"] = "none"
    """`asha` compares trials at rungs and trains only the better ones to the end."""
    type: Literal["stopping", "promotion", "rung_by_rung"] = "stopping"
    """`stopping` judges a trial when it reaches a rung; `promotion` pauses every trial there and
    continues the best; `rung_by_rung` does so after all trials have begun."""
    spacing: Spacing = "geometric"
    """Rungs are apart by a factor (`geometric`) or by equal numbers of epochs (`even`)."""
    min_epochs: int | None = Field(default=None, ge=1)
    """The first rung; null for the first epoch at which the proxy evaluates. Unit: epochs."""
    reduction_factor: float = Field(default=3, gt=1, allow_inf_nan=False)
    """One of this many trials continues at each rung. With geometric spacing it is also the ratio
    of successive rungs."""

    @property
    def pauses(self) -> bool:
        """Whether trials pause at rungs, and the best are promoted later."""
        return self.name == "asha" and self.type in PAUSING

    def most_epochs(self, trials: int, epochs: int, rungs: Sequence[int]) -> int:
        """Return the epochs that a search trains: at most with stopping, else exactly.

        Args:
            trials: of the search.
            epochs: of a whole training.
            rungs: the epochs at which trials are compared.
        """
        if not self.pauses:
            return trials * epochs
        return expected_epochs(trials, epochs, rungs, self.reduction_factor)

    @model_validator(mode="after")
    def _rungs_at_epochs(self) -> SchedulerSettings:
        check_reduction_factor(self.reduction_factor, self.spacing)
        return self


class ResourceSettings(Value):
    """CPUs and GPUs that one trial takes; workers and saved states of a full training."""

    cpus_per_trial: float = Field(default=1, gt=0)
    """CPUs that Ray reserves for one trial. Unit: CPUs."""
    gpus_per_trial: float = Field(default=0, ge=0)
    """GPUs that Ray reserves for one trial; a fraction lets several trials share one. A trial whose
    estimated peak memory is more than its fraction of the memory gets a multiple of the fraction,
    at most a whole GPU. Unit: GPUs."""
    device: str | None = None
    """The device that a node must have to be used, for trials and for latency: its own name, such
    as `NVIDIA H200`, or Ray's, such as `H200`; on nodes without GPUs the processor's. Null for any.
    """
    workers_per_training: int = Field(default=1, ge=1)
    """Processes that train a network in full together, each with the CPUs and GPUs of a trial, and
    with part of every batch's normalisation groups. Their number changes no result but by rounding.
    Unit: processes."""
    checkpoint_minutes: float = Field(default=5, gt=0)
    """Longest time between two saved states of a full training; there is one every 5 epochs too.
    Unit: minutes."""

    @property
    def device_type(self) -> str:
        """The type of device that a trial is trained on, ``cuda`` or ``cpu``."""
        return "cuda" if self.gpus_per_trial else "cpu"

    @property
    def shares_gpus(self) -> bool:
        """Whether several trials share a GPU."""
        return 0 < self.gpus_per_trial < 1

    @property
    def threads(self) -> int:
        """The threads of a trial, at least one."""
        return max(1, int(self.cpus_per_trial))


class RaySettings(Value):
    """The Ray cluster on which trials run; this machine without an address."""

    address: str | None = None
    """Address of the Ray cluster: `auto` on one of its nodes, or `host:port`; null starts Ray on
    this machine."""

    @field_validator("address")
    @classmethod
    def _no_client(cls, address: str | None) -> str | None:
        if address is not None and address.startswith("ray://"):
            raise ValueError(
                f"Ray Client does not carry a search, got {address!r}: run it on a node of the "
                "cluster with address auto or host:6379 (or as a Ray job)"
            )
        return address
