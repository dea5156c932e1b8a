"""The two frozen values that everything is keyed by: what network, and on what task."""

from __future__ import annotations

import hashlib
from functools import cached_property
from itertools import groupby
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from search_space.primitives import Primitive, Stem
from search_space.primitives.registry import primitive_from, stem_from
from search_space.values import Value

ARCH_ID_DIGITS = 12

AnyPrimitive = Annotated[SerializeAsAny[Primitive], BeforeValidator(primitive_from)]
AnyStem = Annotated[SerializeAsAny[Stem], BeforeValidator(stem_from)]


class Task(Value):
    """What a network is for. Costs are functions of (Architecture, Task)."""

    dataset: str = "unnamed"
    input_shape: tuple[int, int, int]  # (channels, height, width), pixels
    classes: int = Field(ge=2)
    split_seed: int = 0

    @model_validator(mode="after")
    def _positive(self) -> Task:
        if min(self.input_shape) < 1:
            raise ValueError(f"input_shape must be positive, got {self.input_shape}")
        return self


class Stage(Value):
    """Residual blocks on one map size.

    ``width`` is the channel count of the blocks' spatial operators (a bottleneck's output has
    ``expansion`` times as many); the first block takes the stride.
    """

    width: int = Field(ge=1)
    stride: int = Field(ge=1)
    blocks: tuple[AnyPrimitive, ...] = Field(min_length=1)

    @property
    def label(self) -> str:
        """Such as ``aa(dk=32,dv=32,h=4) x2 w128``."""
        runs = [(label, len(list(run))) for label, run in groupby(b.label for b in self.blocks)]
        stride = f" s{self.stride}" if self.stride > 1 else ""
        return f"{' + '.join(f'{label} x{n}' for label, n in runs)} w{self.width}{stride}"


class Architecture(Value):
    """A network, canonical and resolved: equal values build equal networks, and only those.

    A block is ResNet's: ``basic`` has the primitive and then a 3x3 convolution (as AACN augments
    ResNet-34), ``bottleneck`` has it between two 1x1 convolutions.
    """

    family: Literal["resnet"] = "resnet"
    block: Literal["basic", "bottleneck"] = "bottleneck"
    expansion: int = Field(default=4, ge=1)  # a block's output channels / its width
    stem: AnyStem
    stages: tuple[Stage, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Architecture:
        if self.block == "basic" and self.expansion != 1:
            raise ValueError(f"a basic block's expansion must be 1, got {self.expansion}")
        for number, stage in enumerate(self.stages, start=1):
            for index, primitive in enumerate(stage.blocks):
                place = f"stage {number}, block {index}"
                try:
                    resolved = primitive.resolve(stage.width)
                except ValueError as error:
                    raise ValueError(f"{place}: {error}") from error
                if resolved != primitive:
                    raise ValueError(
                        f"{place}: at width {stage.width}, {primitive.label} must be written in "
                        f"its resolved form, {resolved.label}"
                    )
        return self

    @cached_property
    def arch_id(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 of the canonical JSON."""
        digest = hashlib.sha256(self.canonical_json().encode())
        return digest.hexdigest()[:ARCH_ID_DIGITS]

    def __str__(self) -> str:
        """One line, such as ``resnet[conv3-stem w16 | conv3 x2 w16 | attn(k=7,h=8) x2 w32 s2]``."""
        return f"{self.family}[{' | '.join([self.stem.label, *(s.label for s in self.stages)])}]"

    def primitive_types(self) -> tuple[str, ...]:
        """The type of every block's primitive, in order."""
        return tuple(primitive.type for stage in self.stages for primitive in stage.blocks)
