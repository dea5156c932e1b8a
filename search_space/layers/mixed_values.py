"""Values of the attention stem: modules ``[B, C, H, W] -> [B, width, H, W]``.

Source: Ramachandran et al. 2019, arXiv 1906.05909, equations 8 and 9 and Table 7.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search_space.attention import is_exportable
from search_space.layers import blockwise_projection
from search_space.layers.convolution import projection


class MixedValues(nn.Module):
    """Spatially aware values (equation 8).

    They are a convex mixture of ``mixtures`` projections; its weights depend only on the pixel's
    place in its block, and the heads share them.
    """

    def __init__(
        self, in_channels: int, width: int, *, block: int, mixtures: int, embedding_width: int
    ) -> None:
        super().__init__()
        self.block = block
        self.mixtures = mixtures
        self.matrices = projection(in_channels, *[width] * mixtures, bias=False)
        spread = embedding_width**-0.5
        self.row_embedding = nn.Parameter(torch.randn(block, embedding_width) * spread)
        self.column_embedding = nn.Parameter(torch.randn(block, embedding_width) * spread)
        self.mixture_embedding = nn.Parameter(torch.randn(mixtures, embedding_width))

    def mixture_weights(self) -> Tensor:
        """Return p(a, b, m) of equation 9, ``[m, b, b]``: a convex combination at each place."""
        place = self.row_embedding[:, None] + self.column_embedding[None, :]
        # The same for every image, not a product of activations, so it has no MACs.
        logits = (place[None] * self.mixture_embedding[:, None, None]).sum(-1)
        return torch.softmax(logits, dim=0)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W] -> [B, width, H, W]``; the block divides H and W."""
        by_mixture = self.matrices.weight.flatten(1).unflatten(0, (self.mixtures, -1))
        weights = self.mixture_weights()[..., None, None]
        by_place = (by_mixture[:, None, None] * weights).sum(0)  # [b, b, width, C]
        # The operator switches autocast off; queries and keys are projected in this type.
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        if is_exportable():
            return blockwise_projection.written_out(x, by_place.to(x.dtype))
        values: Tensor = blockwise_projection.blockwise_projection(
            x, by_place.to(x.dtype), self.mixtures
        )
        return values


def block_convolution(in_channels: int, width: int, block: int) -> nn.Module:
    """Make a block x block convolution that keeps the map's size (Glorot, zeros outside).

    An even block adds one row and column more after the image than before it.
    """
    before, after = (block - 1) // 2, block // 2
    conv = nn.Conv2d(in_channels, width, block, bias=False)
    nn.init.xavier_uniform_(conv.weight)
    return nn.Sequential(nn.ZeroPad2d((before, after, before, after)), conv)
