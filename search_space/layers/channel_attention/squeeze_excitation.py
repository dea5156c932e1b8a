"""Squeeze-and-excitation: each channel is scaled by a gate that sees all channels' means.

Source, and choices: see :mod:`search_space.primitives.channel_attention.squeeze_excitation`.
"""

from __future__ import annotations

from torch import Tensor, nn

from search_space.layers.channel_attention.gate_layers import channel_perceptron


class SqueezeExcitation2d(nn.Module):
    """``x * sigmoid(W_2 relu(W_1 mean(x) + b_1) + b_2)``: ``[B, C, H, W] -> [B, C, H, W]``."""

    def __init__(self, channels: int, squeeze: int) -> None:
        super().__init__()
        self.perceptron = channel_perceptron(channels, squeeze)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        gate: Tensor = self.perceptron(x.mean(dim=(2, 3))).sigmoid()
        return x * gate[:, :, None, None]
