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

import torch
from torch import Tensor, nn

from search_space.attention import AttentionInputs, global_attention
from search_space.attention_forms import AttentionPosition, encoded_channels
from search_space.counts import attended_hw, strided
from search_space.layers.convolution import convolution, projection
from search_space.layers.positions import position_encoding, position_table
from search_space.layers.resampling import average_pooled, interpolated


class AugmentedConvolution2d(nn.Module):
    """``Concat[Conv(X), MHA(X)]`` (AACN section 3.2): ``[B, C_in, H, W] -> [B, C_out, H/s, W/s]``.

    There is no convolution where ``value_depth`` equals the output channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        input_hw: tuple[int, int],
        *,
        kernel: int,
        key_depth: int,
        value_depth: int,
        heads: int,
        position: AttentionPosition,
        downsample: bool,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.key_depth = key_depth
        self.value_depth = value_depth
        self.heads = heads
        self.position = position
        self.downsample = downsample
        conv_channels = out_channels - value_depth
        self.conv = (
            convolution(in_channels, conv_channels, kernel, stride) if conv_channels else None
        )
        self.attention_hw = height, width = attended_hw(input_hw, stride, downsample=downsample)
        self.encode = position_encoding(position, in_channels, self.attention_hw)
        seen_channels = encoded_channels(position, in_channels)
        self.qkv = projection(seen_channels, *self.qkv_depths, bias=True)
        self.mix_heads = projection(value_depth, value_depth, bias=True)
        head_width = key_depth // heads
        self.row_embedding: nn.Parameter | None = None
        self.column_embedding: nn.Parameter | None = None
        if position == "relative":
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

    @property
    def qkv_depths(self) -> tuple[int, int, int]:
        """Channels of queries, keys and values."""
        return self.key_depth, self.key_depth, self.value_depth

    def attention_inputs(self, x: Tensor) -> AttentionInputs:
        """Return the attention operator's arguments for the layer's input ``[B, C_in, H, W]``.

        Raises:
            ValueError: the map has another size than the relative positions were made for.
        """
        for step in (self.stride, 2 if self.downsample else 1):
            if step > 1:
                x = average_pooled(x, step)
        # to compare sizes would warn while torch.jit.trace runs
        is_checked = self.row_embedding is not None and not torch.jit.is_tracing()
        if is_checked and tuple(x.shape[-2:]) != self.attention_hw:
            raise ValueError(
                "relative positions were made for an attention map of "
                f"{self.attention_hw[0]}x{self.attention_hw[1]}, got {x.shape[-2]}x{x.shape[-1]}"
            )
        parts = self.qkv(self.encode(x)).split(self.qkv_depths, dim=1)
        q, k, v = (part.unflatten(1, (self.heads, -1)) for part in parts)
        scale = (self.key_depth // self.heads) ** -0.5  # of both terms, as in A.3
        rows, columns = self.row_embedding, self.column_embedding
        return AttentionInputs(q, k, v, rows, columns, scale, None, "masked")

    def _attend(self, x: Tensor) -> Tensor:
        out_hw = strided((x.shape[-2], x.shape[-1]), self.stride)
        q, k, v, rows, columns, scale, *_ = self.attention_inputs(x)
        attended = global_attention(q, k, v, rows, columns, scale=scale)
        mixed: Tensor = self.mix_heads(attended.flatten(1, 2))
        return interpolated(mixed, out_hw) if self.downsample else mixed
