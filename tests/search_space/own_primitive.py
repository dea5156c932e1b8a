"""Primitives, a stem and a gate of one's own, as a user would write them: by import path."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from search_space.primitives import (
    ChannelAttention,
    Description,
    OperatorKind,
    Primitive,
    Stem,
)

PATH = "tests.search_space.own_primitive"


class Separable(Primitive):
    """A depthwise convolution, then a pointwise one: k^2 C_in + C_in C_out weights."""

    type: Literal["tests.search_space.own_primitive:Separable"] = (
        "tests.search_space.own_primitive:Separable"
    )
    kernel: int = Field(default=3, ge=1)

    @property
    def operator_kind(self) -> OperatorKind:
        return "conv"

    @property
    def label(self) -> str:
        return f"separable{self.kernel}"

    def check_channels(self, channels: int) -> None:
        if channels % 2:
            raise ValueError(f"channels must be even, got channels={channels}")

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        pad = self.kernel // 2
        return nn.Sequential(
            nn.Conv2d(
                in_channels, in_channels, self.kernel, stride, pad, groups=in_channels, bias=False
            ),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
        )


class Rectangle(Primitive):
    """A convolution whose kernel has two sides: a field that is a tuple."""

    type: Literal["tests.search_space.own_primitive:Rectangle"] = (
        "tests.search_space.own_primitive:Rectangle"
    )
    sides: tuple[int, int]

    @property
    def label(self) -> str:
        return f"rectangle{self.sides[0]}x{self.sides[1]}"

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        pad = (self.sides[0] // 2, self.sides[1] // 2)
        return nn.Conv2d(in_channels, out_channels, self.sides, stride, pad, bias=False)


class SeparableOfTwice(Description):
    """A description of one's own, which becomes a :class:`Separable`."""

    type: Literal["tests.search_space.own_primitive:SeparableOfTwice"] = (
        "tests.search_space.own_primitive:SeparableOfTwice"
    )
    half: int

    def resolve(self, channels: int, in_channels: int) -> Separable:
        return Separable(kernel=2 * self.half + 1)


class Unlabelled(Primitive):
    """A primitive without a label, so it stays abstract."""

    type: Literal["tests.search_space.own_primitive:Unlabelled"] = (
        "tests.search_space.own_primitive:Unlabelled"
    )

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        return nn.Identity()


class LogSigmoid(Primitive):
    """A primitive with an operator that has no cost rule."""

    type: Literal["tests.search_space.own_primitive:LogSigmoid"] = (
        "tests.search_space.own_primitive:LogSigmoid"
    )

    @property
    def label(self) -> str:
        return "log-sigmoid"

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.LogSigmoid()
        )


class Unpadded(Primitive):
    """A primitive that lacks the padding, and an attribute where the kernel is 1."""

    type: Literal["tests.search_space.own_primitive:Unpadded"] = (
        "tests.search_space.own_primitive:Unpadded"
    )
    kernel: int = 3

    @property
    def label(self) -> str:
        return f"unpadded{self.kernel}"

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        if self.kernel == 1:
            return self.nothing  # type: ignore[attr-defined, no-any-return]
        return nn.Conv2d(in_channels, out_channels, self.kernel, stride, bias=False)


class Patches(Stem):
    """Non-overlapping patches, each projected."""

    type: Literal["tests.search_space.own_primitive:Patches"] = (
        "tests.search_space.own_primitive:Patches"
    )
    patch: int = 2

    @property
    def label(self) -> str:
        return f"patches{self.patch} w{self.width}"

    def output_hw(self, input_hw: tuple[int, int]) -> tuple[int, int]:
        return input_hw[0] // self.patch, input_hw[1] // self.patch

    def build(self, in_channels: int) -> nn.Module:
        return nn.Conv2d(in_channels, self.width, self.patch, self.patch, bias=False)


class Anywhere(Primitive):
    """A pointwise convolution that may stand in every family's blocks."""

    families: ClassVar[tuple[str, ...]] = ("resnet", "wide_resnet", "mnasnet")

    type: Literal["tests.search_space.own_primitive:Anywhere"] = (
        "tests.search_space.own_primitive:Anywhere"
    )

    @property
    def label(self) -> str:
        return "pointwise"

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


class SpatialGate(ChannelAttention):
    """Each pixel is scaled by a gate that sees all channels around it: k^2 C weights."""

    type: Literal["tests.search_space.own_primitive:SpatialGate"] = (
        "tests.search_space.own_primitive:SpatialGate"
    )
    kernel: int = Field(default=1, ge=1)

    @property
    def label(self) -> str:
        return f"spatial-gate{self.kernel}"

    def build(self, channels: int) -> nn.Module:
        return SpatialGate2d(channels, self.kernel)


class SpatialGate2d(nn.Module):
    """``[B, C, H, W] -> [B, C, H, W]``."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(channels, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gated: Tensor = x * self.gate(x).sigmoid()
        return gated


class Mean(nn.Module):
    """Not a primitive at all."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))
