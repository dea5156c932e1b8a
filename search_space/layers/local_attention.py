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

from torch import Tensor, nn
from torch.nn import functional as F

from search_space.attention import AttentionInputs, local_attention
from search_space.attention_forms import AttentionPosition, Border, Layout, encoded_channels
from search_space.layers.convolution import projection
from search_space.layers.positions import (
    concatenated_tables,
    position_encoding,
    position_table,
)


class LocalAttention2d(nn.Module):
    """Local attention, then average pooling by the stride: ``[B, C_in, H, W] -> [B, C_out, ...]``.

    W_Q, W_K and W_V have no biases, and no projection follows the heads, as the paper's parameter
    counts show. The map may have any size.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        input_hw: tuple[int, int],
        *,
        extent: int,
        heads: int,
        position: AttentionPosition = "relative",
        layout: Layout = "per_head",
        content: bool = True,
        scaled: bool = True,
        border: Border = "masked",
    ) -> None:
        super().__init__()
        self.extent = extent
        self.heads = heads
        self.position = position
        self.layout = layout
        self.content = content
        self.scaled = scaled
        self.border = border
        self.encode = position_encoding(position, in_channels, input_hw)
        seen_channels = encoded_channels(position, in_channels)
        self.qkv = projection(seen_channels, *[out_channels] * self.projections, bias=False)
        head_width = out_channels // heads
        self.scale = head_width**-0.5 if scaled else 1.0
        self.row_embedding: nn.Parameter | None = None
        self.column_embedding: nn.Parameter | None = None
        if position == "relative" and layout == "per_head":
            self.row_embedding, self.column_embedding = concatenated_tables(
                heads, extent, head_width
            )
        elif position == "relative":
            row_width = out_channels // 2
            self.row_embedding, self.column_embedding = (
                position_table(1, extent, width, head_width=head_width)
                for width in (row_width, out_channels - row_width)
            )
        self.pool = nn.AvgPool2d(stride, stride, ceil_mode=True) if stride > 1 else None

    @property
    def projections(self) -> int:
        """Number of matrices: W_Q, W_V and, with content, W_K."""
        return 3 if self.content else 2

    def attention_inputs(self, x: Tensor) -> AttentionInputs:
        """Return the attention operator's arguments for the layer's input ``[B, C_in, H, W]``."""
        parts = self.qkv(self.encode(x)).chunk(self.projections, dim=1)
        q, *keys, v = (part.unflatten(1, (self.heads, -1)) for part in parts)
        rows, columns = self._tables()
        return AttentionInputs(
            q, keys[0] if keys else None, v, rows, columns, self.scale, self.extent, self.border
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``."""
        q, k, v, rows, columns, scale, *_ = self.attention_inputs(x)
        attended = local_attention(
            q, k, v, rows, columns, extent=self.extent, border=self.border, scale=scale
        ).flatten(1, 2)
        return attended if self.pool is None else self.pool(attended)

    def _tables(self) -> tuple[Tensor | None, Tensor | None]:
        """Return the relative embeddings as the operator takes them.

        Across the heads, each table is padded with zeros to the output's width and then cut into
        heads: ``[1, k, C / 2]`` to ``[h, k, d]``.
        """
        rows, columns = self.row_embedding, self.column_embedding
        if rows is None or columns is None or self.layout == "per_head":
            return rows, columns
        filled = F.pad(rows, (0, columns.shape[2])), F.pad(columns, (rows.shape[2], 0))
        first, second = (
            table[0].unflatten(1, (self.heads, -1)).transpose(0, 1) for table in filled
        )
        return first, second
