"""The configuration of a tabulation, which trains every architecture of a space with every seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from nas.config.files import read_config
from nas.config.sections import DataWithValidation, RaySettings, ResourceSettings
from nas.evaluation.accuracy_metric import AccuracyMetric, usual_metric
from search_space.digest import short_sha256
from search_space.space import SearchSpace
from search_space.values import Value
from search_space.yaml_validation import ConfigError
from trainers import Recipe

MOST_ARCHITECTURES = 20_000
"""A larger space is refused: a table is for spaces that can be trained whole."""


class TabulationConfig(Value):
    """Everything that decides a table, and where it is computed."""

    name: str
    """Name of the table."""
    space: dict[str, Any]
    """The search space, or the path of its file. Every architecture of it is trained."""
    modules: str | None = None
    """Folder of the Python modules of types of your own, such as `separable:Separable`. Relative to
    the file, or to the working folder in an override; null is the folder of the file."""
    data: DataWithValidation
    """The data set and its split."""
    recipe: Recipe
    """The recipe of each training, or the path of its file."""
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    """Seeds that each architecture is trained with."""
    resources: ResourceSettings = ResourceSettings()
    """CPUs and GPUs of one training."""
    ray: RaySettings = RaySettings()
    """The machines that trainings run on."""

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise ValueError(f"seeds must be distinct and not negative, got {list(seeds)}")
        return seeds

    def search_space(self) -> SearchSpace:
        """Return the space that ``space`` describes."""
        return SearchSpace.from_mapping(self.space, f"search space of {self.name!r}")

    @property
    def metric(self) -> AccuracyMetric:
        """The measure of the networks: top-1, or the average precision of detectors."""
        return usual_metric(detects=self.search_space().config.detector is not None)

    @property
    def description_json(self) -> str:
        """The space's description, by which the table's rows are read."""
        return json.dumps(self.space, sort_keys=True)

    @property
    def description_id(self) -> str:
        """The first 8 hexadecimal digits of the SHA-256 of ``description_json``."""
        return short_sha256(self.description_json, 8)


def load_tabulation(path: Path, overrides: Sequence[str] = ()) -> TabulationConfig:
    """Read a tabulation's file, as :func:`nas.config.files.load_config` reads a search's.

    Raises:
        ConfigError: the file has problems, each with its key; or the space is too large.
    """
    config = read_config(TabulationConfig, path, overrides, ("space", "recipe"))
    size = config.search_space().size
    if size > MOST_ARCHITECTURES:
        raise ConfigError(
            str(path),
            [f"space: at most {MOST_ARCHITECTURES:,} architectures are tabulated, got {size:,}"],
        )
    return config
