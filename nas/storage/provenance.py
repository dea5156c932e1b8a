"""Where the network of a row comes from, and on what it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from nas.config.recipe_overrides import Overrides


class RowName(BaseModel):
    """A row of a run's ledger."""

    model_config = ConfigDict(strict=True, frozen=True)

    run: str
    run_id: str | None  # None in runs of early versions
    number: int  # of the trial in its study


@dataclass(frozen=True)
class Provenance:
    """Where the network of a row comes from, and on what it was trained."""

    network: str = ""
    """Its name where a command was given one, such as ``resnet26@0.25``."""
    overrides: Overrides = field(default_factory=dict)
    """Differences of a full training's recipe from the run's own."""
    found_by: RowName | None = None
    """The trial of a search that found the architecture, where that is another run's."""
    images: str = ""
    """The fingerprint of the images of a full training; empty in ledgers of earlier versions."""
    metric: str = ""
    """The accuracy that a full training's metrics are; empty in ledgers of earlier versions."""
    taken_from: RowName | None = None
    """The full training of another run that this row repeats, where nothing was trained."""

    def attributes(self) -> dict[str, Any]:
        """Return the Optuna user attributes of a row, without what is empty."""
        named = {"found_by": self.found_by, "taken_from": self.taken_from}
        attributes: dict[str, Any] = {
            "network": self.network,
            "overrides": dict(self.overrides),
            "images": self.images,
            "metric": self.metric,
            **{key: row.model_dump(mode="json") for key, row in named.items() if row},
        }
        return {key: value for key, value in attributes.items() if value}

    @classmethod
    def from_attributes(cls, text: str) -> Provenance:
        """Read the JSON of a row's attributes, of which it takes its own.

        Raises:
            pydantic.ValidationError: an attribute is of another type.
        """
        content = _Content.model_validate_json(text)
        fields: Mapping[str, Any] = {name: getattr(content, name) for name in _Content.model_fields}
        return cls(**fields)


class _Content(BaseModel):
    """The fields of a provenance among a row's attributes; others are ignored."""

    model_config = ConfigDict(strict=True)

    network: str = ""
    overrides: dict[str, tuple[Any, Any]] = {}
    found_by: RowName | None = None
    images: str = ""
    metric: str = ""
    taken_from: RowName | None = None
