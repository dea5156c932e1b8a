"""Gather-excite without parameters: each channel is scaled by the sigmoid of its own mean.

Source, and choices: see :mod:`search_space.primitives.channel_attention.gather_excite`.
"""

from __future__ import annotations

from torch import Tensor, nn


class GatherExcite2d(nn.Module):
    """``x * sigmoid(mean(x))``, the mean over pixels: ``[B, C, H, W] -> [B, C, H, W]``."""

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return x * x.mean(dim=(2, 3), keepdim=True).sigmoid()
