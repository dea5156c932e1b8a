"""Attention-augmented convolution (AACN section 3.2): convolution beside global attention.

Source: Bello et al. 2019, "Attention Augmented Convolutional Networks", arXiv 1904.09925, with the
layer of its appendix A.3. Choices where the paper is silent:

* The convolution takes the stride; the attention's input is average-pooled 3x3 by the same stride,
  so that both branches have one output size. Pooling averages real pixels only.
* Downsampled attention ("3x3 average pooling with stride 2", "upsampled via bilinear
  interpolation") is interpolated at the centres of its pooling windows, pixels 0, 2, 4, ...: its
  features lie where the convolution's do. In the last row or column of an even size, beyond the
  last centre, the last sample is repeated.
* The attention's table of relative positions is for one map size, as in the paper.
* Absolute positions are those of the attended map, after any pooling.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from search_space.attention import AttentionInputs, global_attention
from search_space.bounds import LARGEST
from search_space.counts import (
    FLOAT_BYTES,
    NO_COUNTS,
    Counts,
    TrainingBytes,
    attention_counts,
    convolution_counts,
    strided,
)
from search_space.primitives.convolution import (
    convolution,
    odd_kernel,
    projection,
)
from search_space.primitives.positions import (
    AttentionPosition,
    encoded_channels,
    encodes,
    position_encoding,
    position_labels,
    position_table,
)
from search_space.primitives.primitive import Primitive
from search_space.primitives.resampling import average_pooled, interpolated


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
        return AugmentedConvolution2d(self, in_channels, out_channels, stride, input_hw)

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
        return strided(strided(input_hw, stride), 2 if self.downsample else 1)


class AugmentedConvolution2d(nn.Module):
    """``Concat[Conv(X), MHA(X)]`` (AACN section 3.2): ``[B, C_in, H, W] -> [B, C_out, H/s, W/s]``.

    There is no convolution where ``value_depth`` equals the output channels.
    """

    def __init__(
        self,
        spec: AugmentedConvolution,
        in_channels: int,
        out_channels: int,
        stride: int,
        input_hw: tuple[int, int],
    ) -> None:
        super().__init__()
        self.spec = spec
        self.stride = stride
        conv_channels = out_channels - spec.value_depth
        self.conv = (
            convolution(in_channels, conv_channels, spec.kernel, stride) if conv_channels else None
        )
        self.attention_hw = height, width = spec.attention_hw(stride, input_hw)
        self.encode = position_encoding(spec.position, in_channels, self.attention_hw)
        seen_channels = encoded_channels(spec.position, in_channels)
        self.qkv = projection(seen_channels, *spec.qkv_depths, bias=True)
        self.mix_heads = projection(spec.value_depth, spec.value_depth, bias=True)
        head_width = spec.key_depth // spec.heads
        self.row_embedding: nn.Parameter | None = None
        self.column_embedding: nn.Parameter | None = None
        if spec.position == "relative":
            self.row_embedding, self.column_embedding = (
                position_table(1, 2 * length - 1, head_width, head_width=head_width)
                for length in (height, width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``.

        Raises:
            ValueError: the map has another size than the relative positions were made for.
        """
        attended = self._attend(x)
        return attended if self.conv is None else torch.cat([self.conv(x), attended], dim=1)

    def attention_inputs(self, x: Tensor) -> AttentionInputs:
        """Return the attention operator's arguments for the layer's input ``[B, C_in, H, W]``.

        Raises:
            ValueError: the map has another size than the relative positions were made for.
        """
        spec = self.spec
        for step in (self.stride, 2 if spec.downsample else 1):
            if step > 1:
                x = average_pooled(x, step)
        if self.row_embedding is not None and tuple(x.shape[-2:]) != self.attention_hw:
            raise ValueError(
                "relative positions were made for an attention map of "
                f"{self.attention_hw[0]}x{self.attention_hw[1]}, got {x.shape[-2]}x{x.shape[-1]}"
            )
        parts = self.qkv(self.encode(x)).split(spec.qkv_depths, dim=1)
        q, k, v = (part.unflatten(1, (spec.heads, -1)) for part in parts)
        scale = (spec.key_depth // spec.heads) ** -0.5  # of both terms, as in A.3
        rows, columns = self.row_embedding, self.column_embedding
        return AttentionInputs(q, k, v, rows, columns, scale, None, "masked")

    def _attend(self, x: Tensor) -> Tensor:
        out_hw = strided((x.shape[-2], x.shape[-1]), self.stride)
        q, k, v, rows, columns, scale, *_ = self.attention_inputs(x)
        attended = global_attention(q, k, v, rows, columns, scale=scale)
        mixed: Tensor = self.mix_heads(attended.flatten(1, 2))
        return interpolated(mixed, out_hw) if self.spec.downsample else mixed
