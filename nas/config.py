"""The configuration of a search: YAML, overridden by ``section.key=value``, validated whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, BeforeValidator, Field, field_validator, model_validator

from nas.constraints import Limits
from nas.evaluate import Metric
from search_space.cost.latency import LatencySettings
from search_space.families import FAMILIES, check_zero_init
from search_space.reading import DescriptionError, read_yaml, validate
from search_space.space import SearchSpace
from search_space.values import Value
from trainers import DataConfig, Recipe

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
LATEST = "latest"

Objective = Literal["val_accuracy", "params", "macs", "latency_ms"]
Objectives = Annotated[
    tuple[Objective, ...],
    BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v),
    Field(min_length=1),
]


class SamplerSettings(Value):
    """Which search strategy proposes; ``options`` are the strategy's own."""

    name: str = "pareto_local_search"
    options: dict[str, Any] = Field(default_factory=dict)


class SearchSettings(Value):
    """How long to search, and how."""

    n_trials: int = Field(default=48, ge=1)  # architectures trained
    concurrency: int | None = Field(default=None, ge=1)  # trials at once; None fills the cluster
    deterministic: bool = False  # proposal n sees only results before n - concurrency
    finalist_seeds: int = Field(default=3, ge=1)  # evaluations of each member of the front
    noise_candidates: int = Field(default=4, ge=0)  # random trained ones that get as many, to
    # measure the deviation from seed to seed where the front does not choose
    max_failures: int = Field(default=10, ge=1)  # raising trials in a row that stop the search


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


class LatencyMetering(LatencySettings):
    """How latency is measured when it is an objective or limited."""

    candidates_per_batch: int = Field(default=16, ge=1)  # measured together, between trainings


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
    proxy: Recipe  # how candidates are trained
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
                "search.deterministic cannot hold with a measured latency_ms as objective or limit"
            )
        if self.search.deterministic and self.search.concurrency is None:
            raise ValueError(
                "search.deterministic needs search.concurrency, since what a proposal may see "
                "follows from it (a machine that holds fewer trials at once is slower, not other)"
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
        return next((o for o in self.objectives if o != "val_accuracy"), "params")

    @property
    def proxy_id(self) -> str:
        """Names the proxy recipe: evaluations by different recipes do not compare."""
        return recipe_id(self.proxy)

    @property
    def retrain_id(self) -> str:
        """Names the full recipe."""
        return recipe_id(self.retrain)

    @property
    def uses_latency(self) -> bool:
        """Whether candidates are timed."""
        return "latency_ms" in self.objectives or self.limits.latency_ms is not None

    def search_space(self) -> SearchSpace:
        """The space that ``space`` describes."""
        return SearchSpace.from_mapping(self.space, f"search space of {self.name!r}")


def recipe_id(recipe: Recipe) -> str:
    """The first 8 hexadecimal digits of the SHA-256 of a recipe's content."""
    text = json.dumps(recipe.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def load_config(path: Path, overrides: Sequence[str] = ()) -> SearchConfig:
    """Read a search's file, apply ``section.key=value`` overrides, and check all of it.

    ``space``, ``proxy`` and ``retrain`` may each be a path to a file of their own, relative to the
    file that names it (or, in an override, to the working folder).

    Raises:
        DescriptionError: with every problem found, each with its key.
    """
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise DescriptionError(str(path), ["not a search's configuration: a mapping is needed"])
    changes = _parse_overrides(overrides)
    unread: dict[str, list[str]] = {}  # section -> why its file could not be read
    for section in ("space", "proxy", "retrain"):
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
        config = _with_absolute_data_path(validate(SearchConfig, merged, str(path)))
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


def _with_absolute_data_path(config: SearchConfig) -> SearchConfig:
    """Workers run in folders of their own, and a run may be resumed from another one."""
    given = config.data.path
    if given is None or not Path(given).exists():
        return config  # a data set's name on the hub, or missing, which loading says
    return config.replace(data=config.data.model_copy(update={"path": str(Path(given).resolve())}))


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


def _parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
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
