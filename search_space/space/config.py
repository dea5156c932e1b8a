"""The YAML form of a search space."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from search_space.bounds import LARGEST, MOST_BLOCKS, MOST_CHOICES, MOST_STAGES
from search_space.detector import MOST_LAYERS
from search_space.families import (
    BlockKind,
    FamilyName,
    Shortcut,
    default_block,
    default_expansion,
    default_shortcut,
)
from search_space.values import Value

Only = Literal["conv", "attention"]
"""The kinds of operators that a space can be restricted to."""


def choices_of(value: Any) -> tuple[Any, ...]:
    """Return the choices of a field: a list's items, or the one value."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


ComponentConfig = Annotated[
    tuple[dict[str, Any], ...], BeforeValidator(choices_of), Field(max_length=MOST_CHOICES)
]
Depths = Annotated[
    tuple[Annotated[int, Field(ge=1, le=MOST_BLOCKS)], ...],
    BeforeValidator(choices_of),
    Field(min_length=1, max_length=MOST_CHOICES),
]
Widths = Annotated[
    tuple[Annotated[int, Field(ge=1, le=LARGEST)], ...],
    BeforeValidator(choices_of),
    Field(min_length=1, max_length=MOST_CHOICES),
]

HeadLayers = Annotated[
    tuple[Annotated[int, Field(ge=1, le=MOST_LAYERS)], ...],
    BeforeValidator(choices_of),
    Field(min_length=1, max_length=MOST_CHOICES),
]
FIXED_DETECTOR_FIELDS = (
    "normalized",
    "anchors_per_position",
    "anchor_scale",
    "first_level",
    "last_level",
)
"""The fields of a detector that are the same all over a space."""


class StageConfig(Value):
    """The choices for one stage; a single value may stand where a list of choices may."""

    stride: int = Field(default=1, ge=1, le=LARGEST)
    """Stride of the first block of the stage. Unit: pixels."""
    depth: Depths
    """Blocks in the stage; a list is a choice. Unit: blocks."""
    width: Widths
    """Channels of the blocks' spatial operators; a list is a choice. Unit: channels."""
    primitive: ComponentConfig
    """Operator of the blocks, a mapping with `type` and the keys of that type; a list is a choice,
    and so is a list as the value of a key."""
    recalibration: ComponentConfig = ({"type": "none"},)
    """Channel attention at the end of each branch (or of the stage); a list is a choice."""
    overrides: dict[int, ComponentConfig] = Field(default_factory=dict)
    """Operators of single blocks in place of the stage's, by the number of the block from 0."""


class DetectorConfig(Value):
    """The choices for what follows the backbone of detectors; a list is a choice."""

    width: Widths = (256,)
    """Channels of the pyramid and of the heads' hidden layers; a list is a choice. Unit:
    channels."""
    pyramid: ComponentConfig = ({"type": "conv"},)
    """Operator of the feature pyramid, `conv` or `local_attention`; a list is a choice."""
    heads: ComponentConfig = ({"type": "conv"},)
    """Operator of both heads, `conv` or `local_attention`; a list is a choice."""
    layers: HeadLayers = (4,)
    """Hidden layers of each head; a list is a choice. Unit: layers."""
    normalized: bool = False
    """Whether batch normalisation follows the operators, in the heads one for each level."""
    anchors_per_position: int = 9
    """Anchors at each position of a map, a multiple of the three aspect ratios. Unit: anchors."""
    anchor_scale: float = 4.0
    """Side of the smallest square anchor over its level's stride."""
    first_level: int = 3
    """Lowest level of the pyramid, of stride 2^level pixels."""
    last_level: int = 7
    """Highest level of the pyramid."""


class SpaceConfig(Value):
    """A family of networks, and the choices for each part of them.

    Where ``block``, ``expansion`` or ``shortcut`` is not given, the family decides it.
    """

    name: str = Field(min_length=1)
    """Name of the space, which is part of what a run prints."""
    family: FamilyName = "resnet"
    """Family of networks."""
    block: BlockKind = Field(default_factory=default_block)
    """Residual block; the family's own unless given."""
    expansion: int = Field(default_factory=default_expansion, ge=1, le=LARGEST)
    """Output channels over width of a bottleneck; 4 for `bottleneck`, else 1."""
    shortcut: Shortcut = Field(default_factory=default_shortcut)
    """Path beside a branch that changes the shape: a 1x1 convolution, pooling and zero channels, or
    nothing; the family's own unless given."""
    stem: ComponentConfig
    """First layers, a mapping with `type` and the keys of that type; a list is a choice."""
    stages: tuple[StageConfig, ...] = Field(min_length=1, max_length=MOST_STAGES)
    """Stages of the network, in order."""
    head: int | None = Field(default=None, ge=1, le=LARGEST)
    """Channels of a 1x1 convolution before the classifier; null for none. Unit: channels."""
    detector: DetectorConfig | None = None
    """Pyramid and heads of a space of detectors, a mapping; null for a space of classifiers."""
    only: Only | None = None
    """Restriction to architectures of convolutions alone, or of stand-alone attention alone (which
    may have any stem); null for none."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave ``only`` and ``detector`` out if not given: digests of earlier spaces stay."""
        fields: dict[str, Any] = dump(self)
        absent = [name for name in ("only", "detector") if getattr(self, name) is None]
        return {name: value for name, value in fields.items() if name not in absent}

    @model_validator(mode="after")
    def _bounded(self) -> SpaceConfig:
        blocks = sum(max(stage.depth) for stage in self.stages)
        if blocks > MOST_BLOCKS:
            raise ValueError(f"a network has at most {MOST_BLOCKS:,} blocks, got {blocks:,}")
        if self.detector is not None and self.head is not None:
            raise ValueError(f"head: stands before a classifier, detectors have none: {self.head}")
        return self
