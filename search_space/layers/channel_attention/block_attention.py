"""CBAM: a channel gate from average and maximum, then a spatial gate from the same two.

Source, and choices: see :mod:`search_space.primitives.channel_attention.block_attention`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search_space.layers.channel_attention.gate_layers import channel_perceptron


class BlockAttention2d(nn.Module):
    """Both gates, one after the other: ``[B, C, H, W] -> [B, C, H, W]``.

    ``y = x * sigmoid(MLP(mean) + MLP(max))`` over pixels, then
    ``y * sigmoid(BN(conv([max; mean])))`` over channels, by a ``kernel`` x ``kernel`` convolution.
    """

    def __init__(self, channels: int, squeeze: int, kernel: int) -> None:
        super().__init__()
        self.perceptron = channel_perceptron(channels, squeeze)
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(1, momentum=0.01)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out")
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        mean, largest = x.mean(dim=(2, 3)), x.amax(dim=(2, 3))
        channel: Tensor = (self.perceptron(mean) + self.perceptron(largest)).sigmoid()
        x = x * channel[:, :, None, None]
        both = torch.cat([x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)], dim=1)
        spatial: Tensor = self.norm(self.conv(both)).sigmoid()
        return x * spatial
