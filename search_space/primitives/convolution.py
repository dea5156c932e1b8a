"""The k x k convolution, the primitive that both papers start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from search_space.bounds import LARGEST
from search_space.counts import FLOAT_BYTES, Counts, TrainingBytes, convolution_counts, strided
from search_space.primitives.primitive import OperatorKind, Primitive

if TYPE_CHECKING:
    from torch import nn


class Convolution(Primitive):
    """A k x k convolution without bias (batch normalisation follows it in every block)."""

    type: Literal["conv"] = "conv"
    kernel: int = Field(default=3, ge=1, le=LARGEST)
    """Side of the kernel, odd. Unit: pixels."""

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
        """The label, such as ``conv3``."""
        return f"conv{self.kernel}"

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        """Build a ``Conv2d`` with He initialisation (normal, fan-out)."""
        from search_space.layers.convolution import convolution

        return convolution(in_channels, out_channels, self.kernel, stride)

    def counts(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> Counts:
        """See :meth:`Primitive.counts`."""
        return convolution_counts(in_channels, out_channels, self.kernel, strided(input_hw, stride))

    def training_bytes(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> TrainingBytes:
        """Return the memory: saved is the output, transient the gradients of output and input."""
        height, width = strided(input_hw, stride)
        out = FLOAT_BYTES * out_channels * height * width
        return TrainingBytes(out, out + FLOAT_BYTES * in_channels * input_hw[0] * input_hw[1])


def odd_kernel(kernel: int) -> int:
    """Return ``kernel``, which must be odd for the output's pixels to lie on the input's."""
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, got kernel={kernel}")
    return kernel
