"""Where the network of a row comes from, and on what it was trained."""

from __future__ import annotations

import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from search_space.architecture import Task
from search_space.digest import short_sha256
from trainers import DataConfig

CHANGE_NO_IMAGE = ("path", "cache", "loader_processes", "memory_gb")
"""Settings of data that say where images lie and how they are loaded.

(``memory_gb`` decides only between two ways of decoding that the images' identity tells apart.)"""


class RowName(BaseModel):
    """A row of a run's ledger."""

    model_config = ConfigDict(strict=True, frozen=True)

    run: str
    run_id: str | None  # None in runs of early versions
    number: int  # of the trial in its study


class Provenance(BaseModel):
    """Where the network of a row comes from, and on what it was trained."""

    model_config = ConfigDict(strict=True, frozen=True)

    network: str = ""
    """Its name where a command was given one, such as ``resnet26@0.25``."""
    overrides: dict[str, tuple[Any, Any]] = Field(default_factory=dict)
    """Differences of a full training's recipe from the run's own."""
    found_by: RowName | None = None
    """The trial of a search that found the architecture, where that is another run's."""
    images: str = ""
    """The identity of a full training's images, see :func:`images_id`; empty in ledgers of earlier
    versions."""
    metric: str = ""
    """The accuracy that a full training's metrics are; empty in ledgers of earlier versions."""
    device: str = ""
    """The kind of device of a full training, such as ``cuda``; empty in ledgers of earlier
    versions."""
    taken_from: RowName | None = None
    """The full training of another run that this row repeats, where nothing was trained."""

    def replace(self, **changes: Any) -> Self:
        """Return this value with some fields changed."""
        return self.model_copy(update=changes)

    def attributes(self) -> dict[str, Any]:
        """Return the Optuna user attributes of a row, without what is empty."""
        return {key: value for key, value in self.model_dump(mode="json").items() if value}


def images_id(data: DataConfig, task: Task, fingerprint: str) -> str:
    """Return 12 digits that tell the train, validation and test images of a training from others.

    A fingerprint alone is of a whole set on disk, before it is split and resized.

    Args:
        data: the data set and its split.
        task: the task of the images.
        fingerprint: of the set.
    """
    content = {
        "data": data.model_dump(mode="json", exclude=set(CHANGE_NO_IMAGE)),
        "task": task.model_dump(mode="json"),
        "fingerprint": fingerprint,
    }
    return short_sha256(json.dumps(content, sort_keys=True), 12)
