"""The inverted bottleneck of mobile networks, plain or attention-augmented.

Sources: see :mod:`search_space.primitives.inverted_bottleneck`.
"""

from __future__ import annotations

from torch import Tensor, nn

from search_space.layers.convolution import convolution, depthwise_convolution


class InvertedBottleneck2d(nn.Module):
    """``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``, linear at its end.

    ``widen`` multiplies the channels by ``expansion``: a 1x1 convolution if it is not given.
    ``gate``, channel attention, stands between the depthwise and the last convolution, as MnasNet's
    squeeze-and-excitation does. Its attribute is ``recalibration``, as in saved weights.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        *,
        kernel: int,
        expansion: int,
        widen: nn.Module | None = None,
        gate: nn.Module | None = None,
    ) -> None:
        super().__init__()
        hidden = expansion * in_channels
        expand: list[nn.Module] = []
        if expansion > 1:
            widen = widen or convolution(in_channels, hidden, 1)
            expand = [widen, nn.BatchNorm2d(hidden), nn.ReLU(inplace=True)]
        self.expand = nn.Sequential(*expand)
        self.depthwise = nn.Sequential(
            depthwise_convolution(hidden, kernel, stride),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
        )
        self.recalibration = gate or nn.Identity()
        self.project = nn.Sequential(
            convolution(hidden, out_channels, 1), nn.BatchNorm2d(out_channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.project(self.recalibration(self.depthwise(self.expand(x))))
        return out
