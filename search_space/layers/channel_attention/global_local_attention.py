"""GALA: a gate from a global (channel) and a local (pixel) pathway, added and multiplied.

Source, and choices: see :mod:`search_space.primitives.channel_attention.global_local_attention`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search_space.layers.channel_attention.gate_layers import (
    channel_perceptron,
    gate_convolution,
)


class GlobalLocalAttention2d(nn.Module):
    """``x * tanh(a (G + L) + m G L)``: ``[B, C, H, W] -> [B, C, H, W]``.

    G, ``[B, C, 1, 1]``, is a perceptron of the means over pixels; L, ``[B, 1, H, W]``, two 1x1
    convolutions with ReLU between; a and m are numbers of each channel.
    """

    def __init__(self, channels: int, squeeze: int) -> None:
        super().__init__()
        self.perceptron = channel_perceptron(channels, squeeze)
        self.local = nn.Sequential(
            gate_convolution(channels, squeeze),
            nn.ReLU(inplace=True),
            gate_convolution(squeeze, 1),
        )
        self.additive = nn.Parameter(torch.ones(channels))
        self.multiplicative = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        overall: Tensor = self.perceptron(x.mean(dim=(2, 3)))
        # a (G + L) + m G L = a G + (a + m G) L, which keeps numbers of channels instead of maps.
        offset = self.additive * overall
        slope = self.additive + self.multiplicative * overall
        gate = offset[:, :, None, None] + slope[:, :, None, None] * self.local(x)
        return x * gate.tanh()
