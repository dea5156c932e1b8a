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

from typing import Literal

from torch import Tensor, nn

from search_space.attention import block_attention
from search_space.attention_forms import StemValues
from search_space.counts import pooled_hw
from search_space.layers.convolution import projection
from search_space.layers.mixed_values import MixedValues, block_convolution
from search_space.layers.positions import concatenated_tables


class AttentionStem2d(nn.Module):
    """SASA's stem: ``[B, C, H, W] -> [B, width, H/b, W/b]``, b the side of a block."""

    def __init__(
        self,
        in_channels: int,
        width: int,
        *,
        heads: int,
        values: StemValues,
        mixtures: int,
        position: Literal["none", "relative"],
        block: int,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.position = position
        self.block = block
        head_width = width // heads
        self.scale = head_width**-0.5
        self.query_key = projection(in_channels, width, width, bias=False)
        self.values = _values(in_channels, width, values, heads, mixtures, block)
        self.row_embedding: nn.Parameter | None = None
        self.column_embedding: nn.Parameter | None = None
        if position == "relative":
            self.row_embedding, self.column_embedding = concatenated_tables(
                heads, 2 * block - 1, head_width
            )
        self.norm = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(block)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W] -> [B, width, H/b, W/b]``.

        Raises:
            ValueError: the block does not divide the image.
        """
        pooled_hw((x.shape[-2], x.shape[-1]), self.block)
        parts = (*self.query_key(x).chunk(2, dim=1), self.values(x))
        q, k, v = (part.unflatten(1, (self.heads, -1)) for part in parts)
        attended = block_attention(
            *(q, k, v, self.row_embedding, self.column_embedding),
            block=self.block,
            scale=self.scale,
        )
        out: Tensor = self.pool(self.norm(attended.flatten(1, 2)))
        return out


def _values(
    in_channels: int, width: int, form: StemValues, heads: int, mixtures: int, block: int
) -> nn.Module:
    if form == "spatially_aware":
        return MixedValues(
            in_channels,
            width,
            block=block,
            mixtures=mixtures,
            embedding_width=width // heads,
        )
    if form == "convolution":
        return block_convolution(in_channels, width, block)
    return projection(in_channels, width, bias=False)
