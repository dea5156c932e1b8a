"""Augmented convolutions as the paper writes them: depths as fractions of the channels.

Source: Bello et al. 2019, "Attention Augmented Convolutional Networks", arXiv 1904.09925, section
4. ``key_depth_per_head >= 20`` holds on every data set: only then do the paper's parameter tables
fit.
"""

from __future__ import annotations

from math import floor
from typing import Literal

from pydantic import Field, field_validator

from search_space.attention_forms import AttentionPosition
from search_space.bounds import LARGEST
from search_space.primitives.augmented_convolution import AugmentedConvolution
from search_space.primitives.convolution import Convolution, odd_kernel
from search_space.primitives.primitive import Description, OperatorKind, Primitive

Rounding = Literal["down", "nearest"]


class AugmentedConvolutionRatios(Description):
    """An augmented convolution as the paper writes it: depths as fractions of the channels."""

    type: Literal["augmented_conv"] = "augmented_conv"
    kernel: int = Field(default=3, ge=1, le=LARGEST)
    """Side of the convolution kernel, odd. Unit: pixels."""
    kappa: float = Field(ge=0, le=1)
    """Key depth over output channels."""
    upsilon: float = Field(ge=0, le=1)
    """Value depth over output channels: the fraction of channels that come from attention."""
    heads: int = Field(default=8, ge=1, le=LARGEST)
    """Attention heads. Unit: heads."""
    position: AttentionPosition = "relative"
    """Encoding of positions in attention."""
    min_key_depth_per_head: int = Field(default=20, ge=1, le=LARGEST)
    """Least key depth of a head. Unit: channels."""
    key_rounding: Rounding = "down"
    """Rounding of the key depth to a multiple of the heads."""
    value_rounding: Rounding = "down"
    """Rounding of the value depth to a multiple of the heads; it never falls below the heads."""
    downsample: bool = False
    """Attend on a map of half the height and width (AACN section 3.2)."""

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        return odd_kernel(kernel)

    @property
    def operator_kind(self) -> OperatorKind:
        """``conv`` where upsilon is 0; else ``mixed``, even if no channel is convolved."""
        return "mixed" if self.upsilon else "conv"

    def resolve(self, channels: int, in_channels: int) -> Primitive:
        """Return the depths at ``channels``; a plain convolution where upsilon is 0.

        Raises:
            ValueError: the heads do not fit into the channels.
        """
        if self.upsilon == 0:
            return Convolution(kernel=self.kernel)
        if self.heads > channels:
            raise ValueError(
                f"heads must not exceed the output channels, got heads={self.heads}, "
                f"channels={channels}"
            )
        key_depth = _round_to_heads(self.kappa * channels, self.heads, self.key_rounding)
        value_depth = _round_to_heads(self.upsilon * channels, self.heads, self.value_rounding)
        return AugmentedConvolution(
            kernel=self.kernel,
            key_depth=max(key_depth, self.min_key_depth_per_head * self.heads),
            # Rounding may give neither more channels than there are nor none.
            value_depth=min(max(value_depth, self.heads), channels // self.heads * self.heads),
            heads=self.heads,
            position=self.position,
            downsample=self.downsample,
        ).resolve(channels, in_channels)


def _round_to_heads(depth: float, heads: int, rounding: Rounding) -> int:
    # The tolerance keeps 0.29 * 100 = 28.999... at 29.
    steps = depth / heads
    return heads * (floor(steps + 1e-9) if rounding == "down" else floor(steps + 0.5 + 1e-9))
