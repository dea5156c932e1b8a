"""BAM: a channel gate and a spatial gate side by side, after a stage.

Source, and choices: see :mod:`search_space.primitives.channel_attention.bottleneck_attention`.
"""

from __future__ import annotations

from torch import Tensor, nn

from search_space.layers.channel_attention.gate_layers import (
    channel_perceptron,
    gate_convolution,
)


class BottleneckAttention2d(nn.Module):
    """``x * (1 + sigmoid(channel + spatial))``: ``[B, C, H, W] -> [B, C, H, W]``.

    In training the channel branch is normalised over the batch's images, of which there must be
    two or more.
    """

    def __init__(self, channels: int, squeeze: int, dilation: int) -> None:
        super().__init__()
        self.channel = channel_perceptron(channels, squeeze, norm=True)
        layers: list[nn.Module] = []
        for conv in (
            gate_convolution(channels, squeeze),
            gate_convolution(squeeze, squeeze, 3, dilation),
            gate_convolution(squeeze, squeeze, 3, dilation),
        ):
            layers += [conv, nn.BatchNorm2d(squeeze), nn.ReLU(inplace=True)]
        self.spatial = nn.Sequential(*layers, gate_convolution(squeeze, 1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        channel: Tensor = self.channel(x.mean(dim=(2, 3)))
        gate = (channel[:, :, None, None] + self.spatial(x)).sigmoid()
        return x + x * gate  # keeps one map less than x * (1 + gate)
