"""The configuration of a search: YAML, overridden by ``section.key=value``, validated whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, BeforeValidator, Field, field_validator, model_validator

from nas.constraints import Limits
from nas.evaluate import Metric
from nas.fidelity import FULL, Fidelity
from nas.halving import rungs_below
from nas.latency_metering import LatencyMetering
from nas.latency_table import load_prediction
from nas.samplers import OPTUNA_SAMPLERS
from nas.static_costs import StaticCosts
from search_space.architecture import Task
from search_space.families import FAMILIES, check_zero_init
from search_space.reading import DescriptionError, read_yaml, validate
from search_space.space import SearchSpace
from search_space.values import Value
from trainers import DataConfig, Recipe

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
LATEST = "latest"

Config = TypeVar("Config", bound=Value)
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


class SamplerSettings(Value):
    """Which search strategy proposes; ``options`` are the strategy's own."""

    name: str = "default"
    options: dict[str, Any] = Field(default_factory=dict)
    papers_first: bool = False  # begin with the papers' networks that the space holds
    learn_from: RunNames = ()  # earlier runs: their fronts come first, their results are learned

    @model_validator(mode="after")
    def _own_where_warm(self) -> SamplerSettings:
        if (self.papers_first or self.learn_from) and self.name in OPTUNA_SAMPLERS:
            raise ValueError(
                "papers_first and learn_from need one of this project's samplers, got "
                f"{self.name!r}"
            )
        return self


class SearchSettings(Value):
    """How long to search, and how."""

    n_trials: int = Field(default=48, ge=1)  # architectures trained
    concurrency: int | None = Field(default=None, ge=1)  # trials at once; None fills the cluster
    deterministic: bool = False  # proposal n sees only results before n - concurrency
    finalist_seeds: int = Field(default=3, ge=1)  # evaluations of each member of the front
    noise_candidates: int = Field(default=4, ge=0)  # random trained ones that get as many, to
    # measure the deviation from seed to seed where the front does not choose
    max_failures: int = Field(default=10, ge=1)  # raising trials in a row that stop the search


class SchedulerSettings(Value):
    """Which trials are stopped early: ``asha`` compares them at rungs (see nas/halving.py)."""

    name: Literal["none", "asha"] = "none"
    min_epochs: int | None = Field(default=None, ge=1)  # the first rung; None takes the first
    # epoch at which the proxy recipe evaluates
    reduction_factor: int = Field(default=3, ge=2)  # of as many at a rung, one goes on; a rung's
    # epoch over the one before


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


class SearchConfig(Value):
    """Everything that decides a search."""

    name: str  # of the run's folder
    seed: int = Field(default=0, ge=0)
    space: dict[str, Any]  # the search space's own file, inlined
    data: DataConfig
    objectives: Objectives = ("val_accuracy", "params")
    metric: Metric = "accuracy"  # which accuracy val_accuracy is
    limits: Limits = Limits()
    sampler: SamplerSettings = SamplerSettings()
    search: SearchSettings = SearchSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    proxy: Recipe  # how candidates are trained
    fidelity: Fidelity = FULL  # on which of the images, and how small
    retrain: Recipe  # how the winners are trained
    retrain_seeds: int = Field(default=1, ge=1)  # full trainings of each architecture retrained
    resources: ResourceSettings = ResourceSettings()
    ray: RaySettings = RaySettings()
    latency: LatencyMetering = LatencyMetering()
    storage: str | None = None  # a database URL; None keeps the ledger in the run's folder

    @field_validator("name")
    @classmethod
    def _usable_as_folder(cls, name: str) -> str:
        if not RUN_NAME.fullmatch(name) or name == LATEST:
            raise ValueError(
                "a run's name is up to 80 letters, digits, dots, dashes and underscores, starts "
                f"with a letter or digit, and is not {LATEST!r}; got {name!r}"
            )
        return name

    @model_validator(mode="after")
    def _distinct_objectives(self) -> SearchConfig:
        if len(set(self.objectives)) < len(self.objectives):
            raise ValueError(f"objectives repeats one, got {list(self.objectives)}")
        return self

    @model_validator(mode="after")
    def _deterministic_without_latency(self) -> SearchConfig:
        if self.search.deterministic and self.uses_latency:
            raise ValueError(
                "search.deterministic cannot hold with a measured latency as objective or limit"
            )
        if self.search.deterministic and self.search.concurrency is None:
            raise ValueError(
                "search.deterministic needs search.concurrency, since what a proposal may see "
                "follows from it (a machine that holds fewer trials at once is slower, not other)"
            )
        return self

    @model_validator(mode="after")
    def _rungs_where_there_are_accuracies(self) -> SearchConfig:
        if self.scheduler.name == "none":
            return self
        every = self.proxy.evaluate_every_epochs
        if not self.rungs:
            raise ValueError(
                "scheduler asha needs a rung before the proxy's last epoch, got first rung "
                f"{self.scheduler.min_epochs or every}, proxy.epochs={self.proxy.epochs}"
            )
        if any(rung % every for rung in self.rungs):
            raise ValueError(
                "scheduler.min_epochs: rungs must be epochs at which the proxy evaluates "
                f"(proxy.evaluate_every_epochs={every}), got rungs "
                f"{', '.join(map(str, self.rungs))}"
            )
        if not set(self.objectives) & set(ACCURACIES):
            raise ValueError(
                "scheduler asha compares accuracies at rungs, so objectives must have "
                f"{' or '.join(ACCURACIES)}, got {list(self.objectives)}"
            )
        if self.search.deterministic and self.search.concurrency != 1:
            raise ValueError(
                "search.deterministic cannot hold with scheduler asha on several workers, since "
                "what is stopped follows from which trial is the faster; set search.concurrency=1"
            )
        return self

    @model_validator(mode="after")
    def _target_with_objective(self) -> SearchConfig:
        is_objective = "val_accuracy_by_latency" in self.objectives
        if is_objective != (self.latency.target_ms is not None):
            raise ValueError(
                "the objective val_accuracy_by_latency and latency.target_ms need each other, got "
                f"objectives {list(self.objectives)}, latency.target_ms={self.latency.target_ms}"
            )
        return self

    @model_validator(mode="after")
    def _table_with_limit(self) -> SearchConfig:
        if self.latency.table is not None and self.limits.latency_ms is None:
            raise ValueError(
                "latency.table rejects what it predicts over limits.latency_ms, which is not given"
            )
        return self

    @model_validator(mode="after")
    def _zero_init_where_it_can_be(self) -> SearchConfig:
        family = self.space.get("family", "resnet")
        for section in ("proxy", "retrain"):
            # a tuple, since what stands there may be no name, nor hashable: the space says so
            if getattr(self, section).zero_init_residual and family in tuple(FAMILIES):
                check_zero_init(family, f"{section}.zero_init_residual")
        return self

    @property
    def cost_objective(self) -> str:
        """What accuracy is weighed against in the front that is shown."""
        cost = next((o for o in self.objectives if not o.startswith("val_accuracy")), None)
        if cost is not None:
            return cost
        return "latency_ms" if "val_accuracy_by_latency" in self.objectives else "params"

    @property
    def proxy_id(self) -> str:
        """Names the proxy's recipe and fidelity: evaluations by different ones do not compare."""
        return recipe_id(self.proxy, self.fidelity)

    @property
    def retrain_id(self) -> str:
        """Names the full recipe."""
        return recipe_id(self.retrain)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs at which trials are compared and perhaps stopped; none without a scheduler."""
        if self.scheduler.name == "none":
            return ()
        return rungs_below(
            self.proxy.epochs,
            min_epochs=self.scheduler.min_epochs or self.proxy.evaluate_every_epochs,
            reduction_factor=self.scheduler.reduction_factor,
        )

    @property
    def uses_latency(self) -> bool:
        """Whether candidates are timed."""
        measured = {"latency_ms", "val_accuracy_by_latency"} & set(self.objectives)
        return bool(measured) or self.limits.latency_ms is not None

    def search_space(self) -> SearchSpace:
        """The space that ``space`` describes."""
        return SearchSpace.from_mapping(self.space, f"search space of {self.name!r}")

    def static_costs(self, task: Task) -> StaticCosts:
        """What an architecture of the space costs on ``task``, as the limits have it.

        Peak memory is that of a step of the full training (``retrain``), whatever the proxy's.

        Raises:
            DescriptionError: the latency table is none, or not for this search.
        """
        space = self.search_space()
        prediction = None
        if self.latency.table is not None:
            prediction = load_prediction(
                Path(self.latency.table),
                self.latency,
                space,
                task,
                measured_here=self.ray.address is None,
            )
        return StaticCosts(space, task, self.retrain.batch_size, prediction)


def recipe_id(recipe: Recipe, fidelity: Fidelity = FULL) -> str:
    """The first 8 hexadecimal digits of the SHA-256 of a recipe's content, and a fidelity's."""
    content = recipe.model_dump(mode="json")
    if fidelity != FULL:
        content = {"recipe": content, "fidelity": fidelity.model_dump(mode="json")}
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def load_config(path: Path, overrides: Sequence[str] = ()) -> SearchConfig:
    """Read a search's file, apply ``section.key=value`` overrides, and check all of it.

    ``space``, ``proxy`` and ``retrain`` may each be a path to a file of their own, relative to the
    file that names it (or, in an override, to the working folder).

    Raises:
        DescriptionError: with every problem found, each with its key.
    """
    config = read_config(SearchConfig, path, overrides, ("space", "proxy", "retrain"))
    if config.latency.table is None:
        return config
    table = str(Path(config.latency.table).resolve())  # a run may be resumed from another folder
    return config.replace(latency=config.latency.replace(table=table))


def read_config(
    kind: type[Config], path: Path, overrides: Sequence[str], file_sections: Sequence[str]
) -> Config:
    """A configuration that has a ``space`` and ``data``, read as :func:`load_config` says.

    Args:
        kind: what to read.
        path: its file.
        overrides: changes, ``section.key=value``.
        file_sections: the sections that may be a path to a file of their own.

    Raises:
        DescriptionError: with every problem found, each with its key.
    """
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise DescriptionError(str(path), ["not a configuration: a mapping is needed"])
    changes = parse_overrides(overrides)
    unread: dict[str, list[str]] = {}  # section -> why its file could not be read
    for section in file_sections:
        if isinstance(changes.get(section), str):
            data.pop(section, None)  # another file stands in its place, and is not merged into it
        for source, folder in ((changes, Path()), (data, path.parent)):
            if isinstance(source.get(section), str):
                file = folder / source[section]
                try:
                    source[section] = read_yaml(file)
                except DescriptionError as error:
                    unread[section] = [f"{section}: {file}: {line}" for line in error.problems]
    try:
        merged = OmegaConf.to_container(OmegaConf.merge(data, changes), resolve=True)
    except OmegaConfBaseException as error:
        raise DescriptionError(str(path), [" ".join(str(error).split())]) from error
    except TypeError as error:
        raise DescriptionError(
            "command line", [f"a list and a mapping do not merge, got {' '.join(overrides)}"]
        ) from error
    problems = [line for lines in unread.values() for line in lines]
    try:
        config = _with_absolute_data_path(validate(kind, merged, str(path)))
    except DescriptionError as error:
        problems += [line for line in error.problems if line.partition(":")[0] not in unread]
    space = merged.get("space") if isinstance(merged, dict) else None
    if isinstance(space, dict):
        try:
            SearchSpace.from_mapping(space)
        except DescriptionError as error:
            problems += [f"space.{line}" for line in error.problems]
    if problems:
        raise DescriptionError(str(path), problems)
    return config


def _with_absolute_data_path(config: Config) -> Config:
    """Workers run in folders of their own, and a run may be resumed from another one."""
    data: DataConfig = config.data  # type: ignore[attr-defined]
    if data.path is None or not Path(data.path).exists():
        return config  # a data set's name on the hub, or missing, which loading says
    return config.replace(data=data.model_copy(update={"path": str(Path(data.path).resolve())}))


def save_config(config: SearchConfig, path: Path) -> None:
    """Write the resolved configuration; :func:`load_config` reads it back to an equal value.

    Raises:
        OSError: it cannot be written; an earlier file stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.touch(mode=0o600 if config.storage else 0o666)  # it may hold a password
        temporary.write_text(OmegaConf.to_yaml(OmegaConf.create(config.model_dump(mode="json"))))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def differences(before: BaseModel, now: BaseModel) -> dict[str, tuple[Any, Any]]:
    """The keys in which two configurations differ, each with both values."""
    old, new = (_flat(config.model_dump(mode="json")) for config in (before, now))
    return {
        key: (old.get(key), new.get(key))
        for key in sorted(old | new)
        if old.get(key) != new.get(key)
    }


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(data, dict) or not data:
        return {prefix: data}
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """Nested plain data from ``section.key=value`` texts.

    Raises:
        DescriptionError: one of them is not of that form.
    """
    for override in overrides:
        key, equals, _ = override.partition("=")
        if not equals or not all(key.split(".")):
            raise DescriptionError(
                "command line", [f"an override is section.key=value, got {override!r}"]
            )
    try:
        parsed = OmegaConf.to_container(OmegaConf.from_dotlist(list(overrides)))
    except (OmegaConfBaseException, ValueError, TypeError, yaml.YAMLError) as error:
        raise DescriptionError("command line", [" ".join(str(error).split())]) from error
    return cast(dict[str, Any], parsed)
