"""The k x k convolution, the primitive that both papers start from."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import nn

from search_space.bounds import LARGEST
from search_space.counts import FLOAT_BYTES, Counts, TrainingBytes, convolution_counts, strided
from search_space.primitives.primitive import OperatorKind, Primitive


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


def convolution(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Make a bias-free "same" convolution with He initialisation (He et al. 2015, fan-out)."""
    conv = nn.Conv2d(
        in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False
    )
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


def depthwise_convolution(channels: int, kernel: int, stride: int) -> nn.Conv2d:
    """Make a bias-free "same" convolution of each channel by itself (He, fan-out)."""
    conv = nn.Conv2d(
        channels, channels, kernel, stride, padding=kernel // 2, groups=channels, bias=False
    )
    # PyTorch's fan-out does not know of groups: one output channel is k^2 values here.
    nn.init.normal_(conv.weight, std=(2 / kernel**2) ** 0.5)
    return conv


def projection(in_channels: int, *depths: int, bias: bool) -> nn.Conv2d:
    """Make a 1x1 convolution that applies attention's matrices ``[depth, in_channels]`` together.

    Every matrix of attention, in all primitives and in the stem (W_Q, W_K, each value matrix, and
    the one that mixes the heads), starts by itself: Glorot uniform (Glorot and Bengio 2010) with
    its own inputs and outputs, all heads together; biases at zero. The number of matrices in one
    convolution makes no difference. Neither paper states a rule. AACN's published code (A.3) draws
    queries, keys and values as one Glorot matrix, whose entries are smaller: for three matrices of
    in_channels x in_channels by a factor of 0.71.

    Args:
        in_channels: channels of the map.
        depths: output channels of each matrix, in the order of the output's channels.
        bias: whether a bias is added.
    """
    conv = nn.Conv2d(in_channels, sum(depths), 1, bias=bias)
    with torch.no_grad():
        for matrix in conv.weight.split(depths):
            nn.init.xavier_uniform_(matrix)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
