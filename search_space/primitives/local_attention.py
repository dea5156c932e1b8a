"""Stand-alone local self-attention (SASA section 2.2), described and counted.

Source: Ramachandran et al. 2019, "Stand-Alone Self-Attention in Vision Models", arXiv 1906.05909.
:mod:`search_space.layers.local_attention` computes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from search_space.attention_forms import (
    AttentionPosition,
    Border,
    Layout,
    encoded_channels,
    encodes,
    position_labels,
)
from search_space.bounds import LARGEST
from search_space.counts import (
    FLOAT_BYTES,
    Counts,
    TrainingBytes,
    attention_counts,
    convolution_counts,
    strided,
)
from search_space.primitives.primitive import OperatorKind, Primitive

if TYPE_CHECKING:
    from torch import nn


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
        from search_space.layers.local_attention import LocalAttention2d

        return LocalAttention2d(
            in_channels,
            out_channels,
            stride,
            input_hw,
            extent=self.extent,
            heads=self.heads,
            position=self.position,
            layout=self.layout,
            content=self.content,
            scaled=self.scaled,
            border=self.border,
        )

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
