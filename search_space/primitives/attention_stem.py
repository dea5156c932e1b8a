"""The attention stem (SASA section 3.2, appendix A.1) and the forms of its ablation (Table 7).

Source: Ramachandran et al. 2019, "Stand-Alone Self-Attention in Vision Models", arXiv 1906.05909.
Differences from the paper, and choices where the paper is silent:

* Logits have the q.r term of every other layer (``position = relative``), which equation 7 lacks.
  With it and 4 mixtures, every FLOPs figure of Tables 1 and 7 is met within 0.1 G (ResNet-26, -38,
  -50: 4.67, 5.91, 7.15 for the printed 4.7, 6.0, 7.2; pointwise 7.10 for 7.1, convolution 7.39 for
  7.4); without it each falls short by more.
* The number of mixtures and the width of equation 9's embeddings are not given: 4, and a head's.
* Logits are divided by sqrt(d), as in :mod:`search_space.primitives.local_attention`.
* "A spatial convolution for the values" has the block's size as kernel here, with zeros outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from search_space.attention import block_attention
from search_space.bounds import LARGEST
from search_space.counts import (
    FLOAT_BYTES,
    Counts,
    TrainingBytes,
    attention_counts,
    convolution_counts,
    norm_counts,
)
from search_space.primitives.convolution import projection
from search_space.primitives.convolution_stem import INDEX_BYTES
from search_space.primitives.mixed_values import MixedValues, block_convolution
from search_space.primitives.positions import concatenated_tables
from search_space.primitives.primitive import OperatorKind
from search_space.primitives.stem import Stem

StemValues = Literal["spatially_aware", "pointwise", "convolution"]

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
        if input_hw[0] % self.block or input_hw[1] % self.block:
            raise ValueError(
                f"the attention stem's block must divide the image, got block={self.block}, "
                f"image {input_hw[0]}x{input_hw[1]}"
            )
        return input_hw[0] // self.block, input_hw[1] // self.block

    def build(self, in_channels: int) -> nn.Module:
        """See :class:`AttentionStem2d`."""
        return AttentionStem2d(self, in_channels)

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


class AttentionStem2d(nn.Module):
    """SASA's stem: ``[B, C, H, W] -> [B, width, H/b, W/b]``, b the side of a block."""

    def __init__(self, spec: AttentionStem, in_channels: int) -> None:
        super().__init__()
        self.spec = spec
        head_width = spec.width // spec.heads
        self.scale = head_width**-0.5
        self.query_key = projection(in_channels, spec.width, spec.width, bias=False)
        self.values = _values(spec, in_channels)
        self.row_embedding: nn.Parameter | None = None
        self.column_embedding: nn.Parameter | None = None
        if spec.position == "relative":
            self.row_embedding, self.column_embedding = concatenated_tables(
                spec.heads, 2 * spec.block - 1, head_width
            )
        self.norm = nn.BatchNorm2d(spec.width)
        self.pool = nn.MaxPool2d(spec.block)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W] -> [B, width, H/b, W/b]``.

        Raises:
            ValueError: the block does not divide the image.
        """
        spec = self.spec
        spec.output_hw((x.shape[-2], x.shape[-1]))
        parts = (*self.query_key(x).chunk(2, dim=1), self.values(x))
        q, k, v = (part.unflatten(1, (spec.heads, -1)) for part in parts)
        attended = block_attention(
            *(q, k, v, self.row_embedding, self.column_embedding),
            block=spec.block,
            scale=self.scale,
        )
        out: Tensor = self.pool(self.norm(attended.flatten(1, 2)))
        return out


def _values(spec: AttentionStem, in_channels: int) -> nn.Module:
    if spec.values == "spatially_aware":
        return MixedValues(
            in_channels,
            spec.width,
            block=spec.block,
            mixtures=spec.mixtures,
            embedding_width=spec.width // spec.heads,
        )
    if spec.values == "convolution":
        return block_convolution(in_channels, spec.width, spec.block)
    return projection(in_channels, spec.width, bias=False)
