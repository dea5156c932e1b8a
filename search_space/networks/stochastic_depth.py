"""Stochastic depth (Huang et al. 2016, arXiv 1603.09382): images that skip a residual branch."""

from __future__ import annotations

from torch import Tensor, nn


class StochasticDepth(nn.Module):
    """Zero the whole branch of some images: ``[B, C, H, W] -> [B, C, H, W]``.

    In training an image's branch is zero with a probability, and else divided by that of keeping
    it, so that evaluation needs no change. The draws are :class:`torch.nn.Dropout`'s, one an image.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.drawn = nn.Dropout(probability)

    def forward(self, branch: Tensor) -> Tensor:
        """See the class."""
        if not self.training:
            return branch
        kept: Tensor = self.drawn(branch.new_ones((len(branch), 1, 1, 1)))
        return branch * kept
