"""The YAML form of a search space."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

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
    overrides: dict[int, Alternatives] = Field(default_factory=dict)
    """Alternatives of single blocks (counted from 0), in place of the stage's primitive."""


class SpaceConfig(Value):
    """A family of networks and, place by place, what may stand there."""

    name: str = Field(min_length=1)
    family: Literal["resnet"] = "resnet"
    block: Literal["basic", "bottleneck"] = "bottleneck"
    expansion: int = Field(default=4, ge=1)
    stem: Alternatives
    stages: tuple[StageConfig, ...] = Field(min_length=1)
