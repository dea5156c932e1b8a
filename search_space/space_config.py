"""The YAML form of a search space."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from search_space.families import (
    BlockKind,
    FamilyName,
    Shortcut,
    default_block,
    default_expansion,
    default_shortcut,
)
from search_space.values import Value


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Alternatives = Annotated[tuple[dict[str, Any], ...], BeforeValidator(_as_tuple)]
Widths = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_as_tuple), Field(min_length=1)
]


class StageConfig(Value):
    """What a stage may be. A single value may stand where a list of choices may."""

    stride: int = Field(default=1, ge=1)
    depth: Widths  # blocks
    width: Widths  # channels of the blocks' spatial operators
    primitive: Alternatives
    recalibration: Alternatives = ({"type": "none"},)
    overrides: dict[int, Alternatives] = Field(default_factory=dict)
    """Alternatives of single blocks (counted from 0), in place of the stage's primitive."""


class SpaceConfig(Value):
    """A family of networks and, place by place, what may stand there.

    What is not given of ``block``, ``expansion`` and ``shortcut`` follows from the family.
    """

    name: str = Field(min_length=1)
    family: FamilyName = "resnet"
    block: BlockKind = Field(default_factory=default_block)
    expansion: int = Field(default_factory=default_expansion, ge=1)
    shortcut: Shortcut = Field(default_factory=default_shortcut)
    stem: Alternatives
    stages: tuple[StageConfig, ...] = Field(min_length=1)
    head: int | None = Field(default=None, ge=1)
