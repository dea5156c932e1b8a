"""Convolution stems: ResNet's (7x7 stride 2, 3x3 max pooling) and small images' (3x3 alone)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from search_space.bounds import LARGEST
from search_space.counts import (
    FLOAT_BYTES,
    Counts,
    TrainingBytes,
    convolution_counts,
    norm_counts,
    strided,
)
from search_space.primitives.convolution import odd_kernel
from search_space.primitives.primitive import OperatorKind
from search_space.primitives.stem import Stem

if TYPE_CHECKING:
    from torch import nn

INDEX_BYTES = 8  # of the index of a maximum, which max pooling keeps


class ConvolutionStem(Stem):
    """Convolution, batch normalisation, ReLU and, where ``pool``, 3x3 max pooling of stride 2.

    Where ``activated`` is false there is no normalisation and ReLU, for networks whose blocks begin
    with both (Wide ResNet).
    """

    type: Literal["conv"] = "conv"
    kernel: int = Field(default=7, ge=1, le=LARGEST)
    """Side of the kernel, odd. Unit: pixels."""
    stride: int = Field(default=2, ge=1, le=LARGEST)
    """Stride of the convolution. Unit: pixels."""
    pool: bool = True
    """3x3 max pooling of stride 2 after the convolution."""
    activated: bool = True
    """Batch normalisation and ReLU after the convolution; false for Wide ResNet, whose blocks begin
    with both."""

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        return odd_kernel(kernel)

    @property
    def operator_kind(self) -> OperatorKind:
        """``conv``."""
        return "conv"

    @property
    def label(self) -> str:
        """The label, such as ``conv7-stem(s2,pool) w64``, or ``conv3-stem w16`` at full size."""
        reductions = [f"s{self.stride}"] if self.stride > 1 else []
        reductions += ["pool"] if self.pool else []
        reductions += [] if self.activated else ["bare"]
        detail = f"({','.join(reductions)})" if reductions else ""
        return f"conv{self.kernel}-stem{detail} w{self.width}"

    def output_hw(self, input_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the map divided by the stride, and by 2 where it pools, each rounded up."""
        return strided(strided(input_hw, self.stride), 2 if self.pool else 1)

    def build(self, in_channels: int) -> nn.Module:
        """Build a ``Sequential`` of the layers named above."""
        from search_space.layers.convolution import convolution_stem

        return convolution_stem(
            in_channels,
            self.width,
            self.kernel,
            self.stride,
            pool=self.pool,
            activated=self.activated,
        )

    def counts(self, in_channels: int, input_hw: tuple[int, int]) -> Counts:
        """See :meth:`Stem.counts`."""
        convolved_hw = strided(input_hw, self.stride)
        convolved = convolution_counts(in_channels, self.width, self.kernel, convolved_hw)
        return convolved + norm_counts(self.width) if self.activated else convolved

    def training_bytes(self, in_channels: int, input_hw: tuple[int, int]) -> TrainingBytes:
        """Return the memory: saved are the outputs, and the indices that pooling keeps."""
        height, width = strided(input_hw, self.stride)
        convolved = FLOAT_BYTES * self.width * height * width
        saved = 2 * convolved if self.activated else convolved
        if self.pool:
            height, width = strided((height, width), 2)
            saved += (FLOAT_BYTES + INDEX_BYTES) * self.width * height * width
        return TrainingBytes(saved, 2 * convolved)
