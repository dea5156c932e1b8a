"""The two frozen values that everything is keyed by: a network and its task."""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from search_space.bounds import LARGEST, MOST_BLOCKS, MOST_CLASSES, MOST_PIXELS, MOST_STAGES
from search_space.detector import Detector
from search_space.digest import short_sha256
from search_space.families import (
    BlockKind,
    FamilyName,
    Shortcut,
    default_block,
    default_expansion,
    default_shortcut,
    family_problem,
    primitive_in_channels,
)
from search_space.primitives import ChannelAttention, Stem
from search_space.primitives.registry import (
    IMPORTS,
    AnyPrimitive,
    channel_attention_from,
    stem_from,
)
from search_space.values import Value

ARCH_ID_DIGITS = 12

AnyChannelAttention = Annotated[
    SerializeAsAny[ChannelAttention], BeforeValidator(channel_attention_from)
]
AnyStem = Annotated[SerializeAsAny[Stem], BeforeValidator(stem_from)]


class Task(Value):
    """A data set, its images and its classes. Costs are functions of (Architecture, Task)."""

    dataset: str = "unnamed"
    input_shape: tuple[int, int, int]  # (channels, height, width), pixels
    classes: int = Field(ge=1, le=MOST_CLASSES)  # a classifier needs 2, a detector 1
    split_seed: int = 0

    @model_validator(mode="after")
    def _positive(self) -> Task:
        if min(self.input_shape) < 1:
            raise ValueError(f"input_shape must be positive, got {self.input_shape}")
        _, height, width = self.input_shape
        if max(self.input_shape) > LARGEST or height * width > MOST_PIXELS:
            raise ValueError(
                f"input_shape must be up to {LARGEST:,} a side and {MOST_PIXELS:,} pixels, got "
                f"{self.input_shape}"
            )
        return self


class Stage(Value):
    """Residual blocks on one map size.

    ``width`` is the channel count of the blocks' spatial operators (a bottleneck's output has
    ``expansion`` times as many; an inverted bottleneck's output has just these); the first block
    takes the stride.
    """

    width: int = Field(ge=1, le=LARGEST)
    stride: int = Field(ge=1, le=LARGEST)
    blocks: tuple[AnyPrimitive, ...] = Field(min_length=1, max_length=MOST_BLOCKS)
    recalibration: tuple[AnyChannelAttention | None, ...] = ()
    """Channel attention of each block; empty where no block has any.

    The field, and its key in JSON and YAML, has this name because each ``arch_id`` is a digest of
    the JSON."""

    @model_validator(mode="after")
    def _one_recalibration_a_block(self) -> Stage:
        if not self.recalibration:
            return self
        if len(self.recalibration) != len(self.blocks):
            raise ValueError(
                f"recalibration must be empty or one a block, got {len(self.recalibration)} for "
                f"{len(self.blocks)} blocks"
            )
        if not any(self.recalibration):
            raise ValueError("recalibration must be empty where no block has any")
        last = len(self.blocks) - 1
        for index, gate in enumerate(self.recalibration):
            if gate and gate.placement == "stage" and index != last:
                raise ValueError(
                    f"{gate.label} stands after a stage's last block, got block {index}"
                )
        return self

    @property
    def block_labels(self) -> tuple[str, ...]:
        """The label of each block, such as ``conv3`` or ``conv3+se(16)``."""
        each = self.recalibration or (None,) * len(self.blocks)
        return tuple(
            f"{block.label}+{gate.label}" if gate else block.label
            for block, gate in zip(self.blocks, each, strict=True)
        )

    @property
    def label(self) -> str:
        """The label, such as ``aa(dk=32,dv=32,h=4) x2 w128``; ``+se(16)`` follows its block."""
        runs = [(label, len(list(run))) for label, run in groupby(self.block_labels)]
        stride = f" s{self.stride}" if self.stride > 1 else ""
        return f"{' + '.join(f'{label} x{n}' for label, n in runs)} w{self.width}{stride}"


class Architecture(Value):
    """A network, canonical and resolved: equal values build equal networks, and only those.

    It is a classifier, or with ``detector`` a detector, whose backbone the stem and stages are.

    (A ``shortcut`` that no block needs is the exception: it is a setting of a whole space.) See
    :mod:`search_space.families` for what ``family``, ``block`` and ``shortcut`` mean; what is not
    given follows from the family.
    """

    family: FamilyName = "resnet"
    block: BlockKind = Field(default_factory=default_block)
    expansion: int = Field(
        default_factory=default_expansion, ge=1, le=LARGEST
    )  # a block's output channels / its width
    shortcut: Shortcut = Field(default_factory=default_shortcut)
    stem: AnyStem
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=MOST_STAGES)
    head: int | None = Field(default=None, ge=1, le=LARGEST)
    """Channels of a 1x1 convolution before the classifier, None for no such convolution."""
    detector: Detector | None = None
    """The pyramid and heads behind the stages, which are a detector's backbone; None in a
    classifier."""

    @model_serializer(mode="wrap")
    def _without_no_detector(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave ``detector`` out of a classifier: each ``arch_id`` is a digest of the JSON."""
        fields: dict[str, Any] = dump(self)
        return fields if self.detector else {k: v for k, v in fields.items() if k != "detector"}

    @classmethod
    def from_json(cls, text: str, *, imports: bool = False) -> Self:
        """Read an architecture back from :meth:`canonical_json`.

        Args:
            text: the JSON.
            imports: whether types ``module:Class`` may import their modules, which runs the code
                of those: see :func:`search_space.primitives.registry.class_named`.

        Raises:
            pydantic.ValidationError: the text is not JSON, or not an architecture.
        """
        return cls.model_validate_json(text, context={IMPORTS: imports})

    @model_validator(mode="after")
    def _consistent(self) -> Architecture:
        problem = family_problem(self.family, self.block, self.expansion, self.shortcut)
        if problem:
            raise ValueError(problem)
        blocks = sum(len(stage.blocks) for stage in self.stages)
        if blocks > MOST_BLOCKS:
            raise ValueError(f"a network has at most {MOST_BLOCKS:,} blocks, got {blocks:,}")
        in_channels = self.stem.width
        for number, stage in enumerate(self.stages, start=1):
            for index in range(len(stage.blocks)):
                try:
                    self._check_block(stage, index, in_channels)
                except ValueError as error:
                    raise ValueError(f"stage {number}, block {index}: {error}") from error
                in_channels = stage.width * self.expansion
        self._check_detector()
        return self

    def _check_detector(self) -> None:
        if self.detector is None:
            return
        if self.head is not None:
            raise ValueError(
                f"head: stands before a classifier, a detector has none, got {self.head}"
            )
        try:
            self.merged_stages()
        except ValueError as error:
            raise ValueError(f"detector: {error}") from error

    def merged_stages(self) -> tuple[int, ...]:
        """Return the stages, from 0, whose outputs a detector's pyramid merges; see Detector.

        Raises:
            ValueError: this is a classifier, or a level has no stage.
        """
        if self.detector is None:
            raise ValueError("a classifier merges no features: it has no detector")
        return self.detector.merged_stages(self.stem, [stage.stride for stage in self.stages])

    def _check_block(self, stage: Stage, index: int, in_channels: int) -> None:
        primitive, width = stage.blocks[index], stage.width
        if self.family not in primitive.families:
            raise ValueError(
                f"{primitive.type} may stand in {' or '.join(primitive.families)}, "
                f"got family {self.family}"
            )
        seen = primitive_in_channels(self.block, width, in_channels)
        resolved = primitive.resolve(width, seen)
        if resolved != primitive:
            raise _unresolved(width, primitive.label, resolved.label)
        gate = stage.recalibration[index] if stage.recalibration else None
        if gate:
            resolved_gate = gate.resolve(width * self.expansion, in_channels)
            if resolved_gate != gate:
                label = resolved_gate.label if resolved_gate else "none"
                raise _unresolved(width, gate.label, label)

    @cached_property
    def arch_id(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 of the canonical JSON."""
        return short_sha256(self.canonical_json(), ARCH_ID_DIGITS)

    def __hash__(self) -> int:
        return hash(self.arch_id)  # searches look the same values up again and again

    def __str__(self) -> str:
        """One line, such as ``resnet[conv3-stem w16 | conv3 x2 w16 | attn(k=7,h=8) x2 w32 s2]``.

        The block, expansion and shortcut, which all of a search space share, are not in it.
        """
        head = [f"head {self.head}"] if self.head else []
        head += self.detector.labels if self.detector else []
        parts = [self.stem.label, *(stage.label for stage in self.stages), *head]
        return f"{self.family}[{' | '.join(parts)}]"

    def primitive_types(self) -> tuple[str, ...]:
        """The type of every block's primitive, in order."""
        return tuple(primitive.type for stage in self.stages for primitive in stage.blocks)


def _unresolved(width: int, label: str, resolved: str) -> ValueError:
    return ValueError(f"at width {width}, {label} must be written in its resolved form, {resolved}")
