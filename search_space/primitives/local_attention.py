"""Stand-alone local self-attention (SASA section 2.2).

Source: Ramachandran et al. 2019, "Stand-Alone Self-Attention in Vision Models", arXiv 1906.05909,
equation 3. Where it differs from the paper, or the paper is silent:

* Logits are divided by sqrt(d) (``scaled``); the printed equations have no scale.
* Pixels outside the image are left out of the softmax (``border = masked``).
* A row and a column embedding of half the width each are concatenated inside every head, each
  head with its own.
* The 2x2 average pooling that takes a stride keeps a last odd row or column (as a strided
  convolution does), averaging the pixels that are there.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from torch import Tensor, nn

from search_space.attention import local_attention
from search_space.attention.operators import Border
from search_space.primitives.augmented_convolution import AttentionPosition, position_table
from search_space.primitives.convolution import projection
from search_space.primitives.primitive import Primitive


class LocalAttention(Primitive):
    """Attention over the extent x extent window around each pixel, in place of a convolution."""

    type: Literal["local_attention"] = "local_attention"
    extent: int = Field(default=7, ge=1)
    heads: int = Field(default=8, ge=1)
    position: AttentionPosition = "relative"
    scaled: bool = True
    border: Border = "masked"

    @field_validator("extent")
    @classmethod
    def _odd(cls, extent: int) -> int:
        if extent % 2 == 0:
            raise ValueError(f"extent must be odd, got extent={extent}")
        return extent

    @property
    def label(self) -> str:
        """Such as ``attn(k=7,h=8)``."""
        extras = ["no-pos"] if self.position == "none" else []
        extras += [] if self.scaled else ["unscaled"]
        extras += ["zeros"] if self.border == "zeros" else []
        return f"attn({','.join([f'k={self.extent}', f'h={self.heads}', *extras])})"

    def check_channels(self, channels: int) -> None:
        """Heads partition the channels; a head's row and column embeddings need a half each."""
        if channels % self.heads:
            raise ValueError(
                f"heads must divide the output channels, got channels={channels}, "
                f"heads={self.heads}"
            )
        if self.position == "relative" and channels // self.heads < 2:
            raise ValueError(
                "relative positions need at least 2 channels a head, got "
                f"channels={channels}, heads={self.heads}"
            )

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        """See :class:`LocalAttention2d`."""
        self.check_channels(out_channels)
        return LocalAttention2d(self, in_channels, out_channels, stride)


class LocalAttention2d(nn.Module):
    """Local attention, then average pooling by the stride: ``[B, C_in, H, W] -> [B, C_out, ...]``.

    W_Q, W_K and W_V without biases and no projection after the heads, as the paper's parameter
    counts have it.
    """

    def __init__(
        self, spec: LocalAttention, in_channels: int, out_channels: int, stride: int
    ) -> None:
        super().__init__()
        self.spec = spec
        self.qkv = projection(in_channels, 3 * out_channels, bias=False)
        head_width = out_channels // spec.heads
        self.scale = head_width**-0.5 if spec.scaled else 1.0
        self.row_embedding: nn.Parameter | None = None
        self.column_embedding: nn.Parameter | None = None
        if spec.position == "relative":
            row_width = head_width // 2
            widths = (row_width, head_width - row_width)
            self.row_embedding, self.column_embedding = (
                position_table(spec.heads, spec.extent, width, std_width=head_width)
                for width in widths
            )
        self.pool = nn.AvgPool2d(stride, stride, ceil_mode=True) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``."""
        q, k, v = (part.unflatten(1, (self.spec.heads, -1)) for part in self.qkv(x).chunk(3, dim=1))
        attended = local_attention(
            q * self.scale,
            k,
            v,
            self.row_embedding,
            self.column_embedding,
            extent=self.spec.extent,
            border=self.spec.border,
        ).flatten(1, 2)
        return attended if self.pool is None else self.pool(attended)
