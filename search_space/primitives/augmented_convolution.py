"""Attention-augmented convolution (AACN section 3.2), described and counted.

Source: Bello et al. 2019, "Attention Augmented Convolutional Networks", arXiv 1904.09925, with the
layer of its appendix A.3. :mod:`search_space.layers.augmented_convolution` computes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from search_space.attention_forms import (
    AttentionPosition,
    encoded_channels,
    encodes,
    position_labels,
)
from search_space.bounds import LARGEST
from search_space.counts import (
    FLOAT_BYTES,
    NO_COUNTS,
    Counts,
    TrainingBytes,
    attended_hw,
    attention_counts,
    convolution_counts,
    strided,
)
from search_space.primitives.convolution import (
    odd_kernel,
)
from search_space.primitives.primitive import Primitive

if TYPE_CHECKING:
    from torch import nn


class AugmentedConvolution(Primitive):
    """An augmented convolution of given depths; attention makes ``value_depth`` of its channels."""

    type: Literal["augmented_conv"] = "augmented_conv"
    kernel: int = Field(ge=1, le=LARGEST)
    key_depth: int = Field(ge=1, le=LARGEST)  # d_k, all heads together
    value_depth: int = Field(ge=1, le=LARGEST)  # d_v, all heads together
    heads: int = Field(ge=1, le=LARGEST)
    position: AttentionPosition
    downsample: bool  # attend on a map of half the height and width (AACN 3.2)

    @model_validator(mode="after")
    def _consistent(self) -> AugmentedConvolution:
        for name in ("key_depth", "value_depth"):
            depth = getattr(self, name)
            if depth % self.heads:
                raise ValueError(
                    f"heads must divide {name}, got {name}={depth}, heads={self.heads}"
                )
        odd_kernel(self.kernel)
        return self

    def resolve(self, channels: int, in_channels: int) -> AugmentedConvolution:
        """Return this value with every setting that has no effect at its default.

        Raises:
            ValueError: there are more attention channels than output channels.
        """
        self.check_channels(channels)
        inert: dict[str, Any] = {}
        if self.value_depth == channels:  # no convolution is left that could have a kernel
            inert["kernel"] = 3
        if not encodes(self.position, in_channels):
            inert["position"] = "none"
        return self.replace(**inert) if inert else self

    @property
    def qkv_depths(self) -> tuple[int, int, int]:
        """Channels of queries, keys and values."""
        return self.key_depth, self.key_depth, self.value_depth

    @property
    def label(self) -> str:
        """The label, such as ``aa(dk=32,dv=32,h=4)``."""
        extras = [f"k={self.kernel}"] if self.kernel != 3 else []
        extras += position_labels(self.position)
        extras += ["half"] if self.downsample else []
        depths = [f"dk={self.key_depth}", f"dv={self.value_depth}", f"h={self.heads}"]
        return f"aa({','.join(depths + extras)})"

    def check_channels(self, channels: int) -> None:
        """Raise ``ValueError`` if attention has more channels than the output."""
        if self.value_depth > channels:
            raise ValueError(
                f"value_depth must not exceed the output channels, got "
                f"value_depth={self.value_depth}, channels={channels}"
            )

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        """See :class:`AugmentedConvolution2d`."""
        self.check_channels(out_channels)
        from search_space.layers.augmented_convolution import (
            AugmentedConvolution2d,
        )

        return AugmentedConvolution2d(
            in_channels,
            out_channels,
            stride,
            input_hw,
            kernel=self.kernel,
            key_depth=self.key_depth,
            value_depth=self.value_depth,
            heads=self.heads,
            position=self.position,
            downsample=self.downsample,
        )

    def counts(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> Counts:
        """See :meth:`Primitive.counts`."""
        convolved = NO_COUNTS
        if out_channels > self.value_depth:
            convolved = convolution_counts(
                in_channels,
                out_channels - self.value_depth,
                self.kernel,
                strided(input_hw, stride),
            )
        height, width = attention_hw = self.attention_hw(stride, input_hw)
        relative = self.position == "relative"
        table_rows = 2 * (height + width - 1) if relative else 0
        seen_channels = encoded_channels(self.position, in_channels)
        return (
            convolved
            + convolution_counts(seen_channels, sum(self.qkv_depths), 1, attention_hw, bias=True)
            + attention_counts(
                height * width,
                height * width,
                self.key_depth,
                self.value_depth,
                self.heads,
                position=relative,
            )
            + convolution_counts(self.value_depth, self.value_depth, 1, attention_hw, bias=True)
            + Counts(table_rows * (self.key_depth // self.heads), 0, 0)
        )

    def training_bytes(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> TrainingBytes:
        """Return the memory in training; see :meth:`Primitive.training_bytes`.

        Saved are the attention's projections, values and lse, the output and, where there is
        pooling or a position encoding, the projection's input. Transient are the gradients of
        those, of the output and of the input.
        """
        out_hw, attention_hw = strided(input_hw, stride), self.attention_hw(stride, input_hw)
        out_pixels, pixels = out_hw[0] * out_hw[1], attention_hw[0] * attention_hw[1]
        projected = sum(self.qkv_depths) * pixels
        out, values = out_channels * out_pixels, self.value_depth * pixels
        saved = projected + values + self.heads * pixels + out
        if stride > 1 or self.downsample or self.position in ("sine", "coordconv"):
            saved += encoded_channels(self.position, in_channels) * pixels
        if stride > 1 and self.downsample:  # the input of the second pooling
            saved += in_channels * out_pixels
        ends = in_channels * input_hw[0] * input_hw[1] + out
        transient = ends + 2 * projected
        return TrainingBytes(FLOAT_BYTES * saved, FLOAT_BYTES * transient)

    def attention_hw(self, stride: int, input_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the size of the attended map, where the input's is ``input_hw``."""
        return attended_hw(input_hw, stride, downsample=self.downsample)
