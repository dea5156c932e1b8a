"""Average pooling of a map, and bilinear interpolation back to its size, without a shift.

A window of 3 x 3 pixels with padding 1 is centred on pixels 0, s, 2s, ... for a stride of s, like
the windows of a convolution with odd kernel and "same" padding. Interpolation back from a stride of
2 therefore treats sample i as the value at pixel 2i. (``F.interpolate`` with
``align_corners=False`` would place it at pixel 2i + 0.5 and move the whole map by half a pixel.)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def average_pooled(x: Tensor, stride: int) -> Tensor:
    """Average each 3 x 3 window, without the padding: ``[..., H, W] -> [..., H/s, W/s]``.

    Sizes are rounded up, so a window is centred on every s-th pixel, the first one included.
    """
    return F.avg_pool2d(x, 3, stride, padding=1, count_include_pad=False)


def interpolated(samples: Tensor, hw: tuple[int, int]) -> Tensor:
    """Interpolate samples bilinearly that lie at pixels 0, 2, 4, ... of each axis.

    Args:
        samples: ``[B, C, ceil(H / 2), ceil(W / 2)]``.
        hw: (H, W).

    Returns:
        ``[B, C, H, W]``. Beyond the last sample, in the last row of an even H (or column of an even
        W), the last sample is repeated.
    """
    # From the first sample's centre to the last one's there are 2 n - 1 pixels.
    between = [2 * count - 1 for count in samples.shape[-2:]]
    out = F.interpolate(samples, between, mode="bilinear", align_corners=True)
    for axis, length in zip((-2, -1), hw, strict=True):
        if out.shape[axis] < length:  # unlike padding, this keeps the layout on every device
            out = torch.cat([out, out.narrow(axis, -1, 1)], axis)
    return out
