"""The attention stem (SASA section 3.2, appendix A.1) and the forms of its ablation (Table 7).

Source: Ramachandran et al. 2019, "Stand-Alone Self-Attention in Vision Models", arXiv 1906.05909.
:mod:`search_space.layers.attention_stem` computes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from search_space.attention_forms import StemValues
from search_space.bounds import LARGEST
from search_space.counts import (
    FLOAT_BYTES,
    Counts,
    TrainingBytes,
    attention_counts,
    convolution_counts,
    norm_counts,
    pooled_hw,
)
from search_space.primitives.convolution_stem import INDEX_BYTES
from search_space.primitives.primitive import OperatorKind
from search_space.primitives.stem import Stem

if TYPE_CHECKING:
    from torch import nn

DEFAULT_MIXTURES = 4


class AttentionStem(Stem):
    """Attention inside each block x block square, normalisation, max pooling of the square.

    ``mixtures`` is 4 by default for spatially aware values, and 1 for the other forms, which have
    one value matrix. A mixture of one is written as pointwise.
    """

    type: Literal["attention"] = "attention"
    heads: int = Field(default=4, ge=1, le=LARGEST)
    """Attention heads. Unit: heads."""
    values: StemValues = "spatially_aware"
    """Form of the values (SASA Table 7)."""
    mixtures: int = Field(default=DEFAULT_MIXTURES, ge=1, le=LARGEST)
    """Value matrices that are mixed by position. Unit: matrices."""
    position: Literal["none", "relative"] = "relative"
    """Encoding of positions."""
    block: int = Field(default=4, ge=2, le=LARGEST)
    """Side of the square that is attended and then pooled. Unit: pixels."""

    @model_validator(mode="before")
    @classmethod
    def _canonical(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        if data.get("values", "spatially_aware") != "spatially_aware":
            return dict(data) | {"mixtures": 1}  # there is nothing to mix
        return dict(data) | {"values": "pointwise"} if data.get("mixtures") == 1 else data

    @model_validator(mode="after")
    def _consistent(self) -> AttentionStem:
        if self.width % self.heads:
            raise ValueError(
                f"heads must divide the stem's width, got width={self.width}, heads={self.heads}"
            )
        if self.position == "relative" and self.width // self.heads < 2:
            raise ValueError(
                "relative positions need at least 2 channels a head, got "
                f"width={self.width}, heads={self.heads}"
            )
        return self

    @property
    def operator_kind(self) -> OperatorKind:
        """``attention``."""
        return "attention"

    @property
    def label(self) -> str:
        """The label, such as ``attention-stem(b=4,h=4,m=4) w64``, or ``pointwise`` for ``m=4``."""
        aware = self.values == "spatially_aware"
        details = [f"b={self.block}", f"h={self.heads}"]
        details.append(f"m={self.mixtures}" if aware else self.values)
        details += ["no-pos"] if self.position == "none" else []
        return f"attention-stem({','.join(details)}) w{self.width}"

    def output_hw(self, input_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the map divided by the block, which must divide it."""
        return pooled_hw(input_hw, self.block)

    def build(self, in_channels: int) -> nn.Module:
        """See :class:`AttentionStem2d`."""
        from search_space.layers.attention_stem import AttentionStem2d

        return AttentionStem2d(
            in_channels,
            self.width,
            heads=self.heads,
            values=self.values,
            mixtures=self.mixtures,
            position=self.position,
            block=self.block,
        )

    def counts(self, in_channels: int, input_hw: tuple[int, int]) -> Counts:
        """See :meth:`Stem.counts`."""
        kernel = self.block if self.values == "convolution" else 1
        relative = self.position == "relative"
        embeddings = (2 * self.block - 1) * self.width if relative else 0
        if self.values == "spatially_aware":
            embeddings += (2 * self.block + self.mixtures) * (self.width // self.heads)
        return (
            convolution_counts(in_channels, 2 * self.width, 1, input_hw)
            + convolution_counts(in_channels, self.mixtures * self.width, kernel, input_hw)
            + attention_counts(
                input_hw[0] * input_hw[1],
                self.block * self.block,
                self.width,
                self.width,
                self.heads,
                position=relative,
            )
            + norm_counts(self.width)
            + Counts(embeddings, 0, 0)
        )

    def training_bytes(self, in_channels: int, input_hw: tuple[int, int]) -> TrainingBytes:
        """Return the memory in training; see :meth:`Stem.training_bytes`.

        Saved are queries, keys, values, attended map and lse by blocks, the attended and the
        normalised map, and the pool. Transient are the gradients of the attention's operands, and
        of its output as blocks and as a map.
        """
        block, pixels = self.block, input_hw[0] * input_hw[1]
        one = self.width * pixels
        maps = 5 if input_hw == (block, block) else 6  # a single block is the map already
        saved = maps * one + self.heads * pixels
        if self.values == "convolution":  # the padded image
            saved += in_channels * (input_hw[0] + block - 1) * (input_hw[1] + block - 1)
        pooled = self.width * (pixels // (block * block))
        return TrainingBytes(
            FLOAT_BYTES * saved + (FLOAT_BYTES + INDEX_BYTES) * pooled,
            FLOAT_BYTES * 5 * one,
        )
