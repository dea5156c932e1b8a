"""A stem, a primitive and a gate that note each time they are read or resolved."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from torch import nn

from search_space.primitives import ChannelAttention, Primitive, Stem

PATH = "tests.search_space.counted_types"
TRIED: list[str] = []


class CountedStem(Stem):
    type: Literal["tests.search_space.counted_types:CountedStem"] = Field(default=...)
    a: int = 0
    b: int = 0
    label: ClassVar[str] = "counted"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _count(self) -> CountedStem:
        TRIED.append(self.type)
        return self

    def output_hw(self, input_hw: tuple[int, int]) -> tuple[int, int]:
        return input_hw

    def build(self, in_channels: int) -> nn.Module:
        return nn.Conv2d(in_channels, self.width, 1)


class CountedPrimitive(Primitive):
    type: Literal["tests.search_space.counted_types:CountedPrimitive"] = Field(default=...)
    a: int = 0
    b: int = 0
    label: ClassVar[str] = "counted"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _count(self) -> CountedPrimitive:
        TRIED.append(self.type)
        return self

    def check_channels(self, channels: int) -> None:
        TRIED.append(self.type)

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        return nn.Conv2d(in_channels, out_channels, 1, stride)


class CountedGate(ChannelAttention):
    type: Literal["tests.search_space.counted_types:CountedGate"] = Field(default=...)
    a: int = 0
    label: ClassVar[str] = "counted"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _count(self) -> CountedGate:
        TRIED.append(self.type)
        return self

    def build(self, channels: int) -> nn.Module:
        return nn.Identity()
