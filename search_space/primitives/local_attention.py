"""Stand-alone local self-attention (SASA section 2.2), and the forms of its ablations (4.3).

Source: Ramachandran et al. 2019, "Stand-Alone Self-Attention in Vision Models", arXiv 1906.05909,
equation 3. Differences from the paper, and choices where the paper is silent:

* Logits are divided by sqrt(d) (``scaled``); the printed equations have no scale.
* Pixels outside the image are left out of the softmax (``border = masked``).
* A row and a column embedding of half the width each are concatenated inside every head, each
  head with its own (``layout = per_head``). Read literally the paper concatenates embeddings of
  half the output's width and then splits them over the heads (``across_heads``): the first half of
  the heads sees rows only, the second half columns only.
* The 2x2 average pooling that takes a stride keeps a last odd row or column (as a strided
  convolution does), averaging the pixels that are there.
* Without the content term (``content = False``, Table 6) there is no W_K.
* The sinusoids of Table 5 are added to the input of the projections.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from search_space.attention import AttentionInputs, local_attention
from search_space.attention.operators import Border
from search_space.bounds import LARGEST
from search_space.counts import (
    FLOAT_BYTES,
    Counts,
    TrainingBytes,
    attention_counts,
    convolution_counts,
    strided,
)
from search_space.primitives.convolution import projection
from search_space.primitives.positions import (
    AttentionPosition,
    concatenated_tables,
    encoded_channels,
    encodes,
    position_encoding,
    position_labels,
    position_table,
)
from search_space.primitives.primitive import OperatorKind, Primitive

Layout = Literal["per_head", "across_heads"]


class LocalAttention(Primitive):
    """Attention over the extent x extent window around each pixel, in place of a convolution."""

    type: Literal["local_attention"] = "local_attention"
    extent: int = Field(default=7, ge=1, le=LARGEST)
    """Side of the window around each pixel, odd. Unit: pixels."""
    heads: int = Field(default=8, ge=1, le=LARGEST)
    """Attention heads. Unit: heads."""
    position: AttentionPosition = "relative"
    """Encoding of positions."""
    layout: Layout = "per_head"
    """Whether heads have relative embeddings of their own."""
    content: bool = True
    """Whether logits have the term of query and key; without it they come from positions alone."""
    scaled: bool = True
    """Divide logits by the square root of the width of a head."""
    border: Border = "masked"
    """Pixels outside the map: left out of the softmax, or zeros."""

    @field_validator("extent")
    @classmethod
    def _odd(cls, extent: int) -> int:
        if extent % 2 == 0:
            raise ValueError(f"extent must be odd, got extent={extent}")
        return extent

    @model_validator(mode="after")
    def _has_logits(self) -> LocalAttention:
        if not self.content and self.position != "relative":
            raise ValueError(
                "without content, the logits need position=relative, got "
                f"content={self.content}, position={self.position}"
            )
        return self

    def resolve(self, channels: int, in_channels: int) -> LocalAttention:
        """Return this value with every setting that has no effect at its default.

        Raises:
            ValueError: the heads do not fit ``channels``.
        """
        self.check_channels(channels)
        inert: dict[str, Any] = {}
        if self.position != "relative" or self.heads == 1:
            inert["layout"] = "per_head"
        if channels == self.heads:  # the scale is 1
            inert["scaled"] = True
        if not encodes(self.position, in_channels):
            inert["position"] = "none"
        if self.extent == 1:  # one key has all the weight, whatever its logit
            inert |= {"layout": "per_head", "scaled": True, "border": "masked", "heads": 1}
        return self.replace(**inert) if inert else self

    @property
    def operator_kind(self) -> OperatorKind:
        """``attention``."""
        return "attention"

    @property
    def projections(self) -> int:
        """Number of matrices: W_Q, W_V and, with content, W_K."""
        return 3 if self.content else 2

    @property
    def label(self) -> str:
        """The label, such as ``attn(k=7,h=8)``, with the settings that are not the defaults."""
        extras = position_labels(self.position)
        extras += ["across-heads"] if self.layout == "across_heads" else []
        extras += [] if self.content else ["qr-only"]
        extras += [] if self.scaled else ["unscaled"]
        extras += ["zeros"] if self.border == "zeros" else []
        return f"attn({','.join([f'k={self.extent}', f'h={self.heads}', *extras])})"

    def check_channels(self, channels: int) -> None:
        """Raise ``ValueError`` if the heads do not divide, or leave too few channels a head."""
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
        return LocalAttention2d(self, in_channels, out_channels, stride, input_hw)

    def counts(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> Counts:
        """See :meth:`Primitive.counts`; all at the input's resolution."""
        relative = self.position == "relative"
        projected = convolution_counts(
            encoded_channels(self.position, in_channels),
            self.projections * out_channels,
            1,
            input_hw,
        )
        attended = attention_counts(
            input_hw[0] * input_hw[1],
            self.extent * self.extent,
            out_channels,
            out_channels,
            self.heads,
            content=self.content,
            position=relative,
        )
        tables = Counts(self.extent * out_channels if relative else 0, 0, 0)
        return projected + attended + tables

    def training_bytes(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> TrainingBytes:
        """Return the memory in training; see :meth:`Primitive.training_bytes`.

        Saved are the projections, the operator's output and lse, the projection's input where
        there is a position encoding, and the pooled output. Transient are the gradients of those.
        """
        pixels = input_hw[0] * input_hw[1]
        seen = encoded_channels(self.position, in_channels) * pixels
        projected = self.projections * out_channels * pixels
        out = out_channels * pixels
        saved = projected + out + self.heads * pixels
        if self.position in ("sine", "coordconv"):
            saved += seen
        if stride > 1:
            pooled_hw = strided(input_hw, stride)
            saved += out_channels * pooled_hw[0] * pooled_hw[1]
        return TrainingBytes(FLOAT_BYTES * saved, FLOAT_BYTES * (projected + max(projected, seen)))


class LocalAttention2d(nn.Module):
    """Local attention, then average pooling by the stride: ``[B, C_in, H, W] -> [B, C_out, ...]``.

    W_Q, W_K and W_V have no biases, and no projection follows the heads, as the paper's parameter
    counts show. The map may have any size.
    """

    def __init__(
        self,
        spec: LocalAttention,
        in_channels: int,
        out_channels: int,
        stride: int,
        input_hw: tuple[int, int],
    ) -> None:
        super().__init__()
        self.spec = spec
        self.encode = position_encoding(spec.position, in_channels, input_hw)
        seen_channels = encoded_channels(spec.position, in_channels)
        self.qkv = projection(seen_channels, *[out_channels] * spec.projections, bias=False)
        head_width = out_channels // spec.heads
        self.scale = head_width**-0.5 if spec.scaled else 1.0
        self.row_embedding: nn.Parameter | None = None
        self.column_embedding: nn.Parameter | None = None
        if spec.position == "relative" and spec.layout == "per_head":
            self.row_embedding, self.column_embedding = concatenated_tables(
                spec.heads, spec.extent, head_width
            )
        elif spec.position == "relative":
            row_width = out_channels // 2
            self.row_embedding, self.column_embedding = (
                position_table(1, spec.extent, width, head_width=head_width)
                for width in (row_width, out_channels - row_width)
            )
        self.pool = nn.AvgPool2d(stride, stride, ceil_mode=True) if stride > 1 else None

    def attention_inputs(self, x: Tensor) -> AttentionInputs:
        """Return the attention operator's arguments for the layer's input ``[B, C_in, H, W]``."""
        spec = self.spec
        parts = self.qkv(self.encode(x)).chunk(spec.projections, dim=1)
        q, *keys, v = (part.unflatten(1, (spec.heads, -1)) for part in parts)
        rows, columns = self._tables()
        return AttentionInputs(
            q, keys[0] if keys else None, v, rows, columns, self.scale, spec.extent, spec.border
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``."""
        q, k, v, rows, columns, scale, *_ = self.attention_inputs(x)
        attended = local_attention(
            q, k, v, rows, columns, extent=self.spec.extent, border=self.spec.border, scale=scale
        ).flatten(1, 2)
        return attended if self.pool is None else self.pool(attended)

    def _tables(self) -> tuple[Tensor | None, Tensor | None]:
        """Return the relative embeddings as the operator takes them.

        Across the heads, each table is padded with zeros to the output's width and then cut into
        heads: ``[1, k, C / 2]`` to ``[h, k, d]``.
        """
        rows, columns = self.row_embedding, self.column_embedding
        if rows is None or columns is None or self.spec.layout == "per_head":
            return rows, columns
        filled = F.pad(rows, (0, columns.shape[2])), F.pad(columns, (rows.shape[2], 0))
        first, second = (
            table[0].unflatten(1, (self.spec.heads, -1)).transpose(0, 1) for table in filled
        )
        return first, second
