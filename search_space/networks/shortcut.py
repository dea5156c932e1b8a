"""The shortcut beside a residual branch: the input itself, or a change of its shape."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from search_space.counts import (
    FLOAT_BYTES,
    NO_BYTES,
    NO_COUNTS,
    Counts,
    TrainingBytes,
    convolution_counts,
    norm_counts,
)
from search_space.layers.convolution import convolution
from search_space.networks.plan import BlockPlan


class PaddedShortcut(nn.Module):
    """Average pooling by the stride, then channels of zeros on both sides: no parameters.

    ``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``; channels are left out where C_out is
    less than C_in.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        before = (out_channels - in_channels) // 2
        self.padding = (before, out_channels - in_channels - before)
        self.pool = nn.AvgPool2d(stride, stride, ceil_mode=True) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return F.pad(self.pool(x), (0, 0, 0, 0, *self.padding))


def build_shortcut(plan: BlockPlan, *, norm: bool) -> nn.Module:
    """Build the module beside ``plan``'s branch; ``norm`` normalises a projection."""
    if not plan.changes_shape:
        return nn.Identity()
    if plan.shortcut == "padding":
        return PaddedShortcut(plan.in_channels, plan.out_channels, plan.stride)
    projection = convolution(plan.in_channels, plan.out_channels, 1, plan.stride)
    return nn.Sequential(projection, nn.BatchNorm2d(plan.out_channels)) if norm else projection


def shortcut_counts(plan: BlockPlan, *, norm: bool) -> Counts:
    """Count the costs of the shortcut."""
    if not plan.changes_shape or plan.shortcut == "padding":
        return NO_COUNTS
    counts = convolution_counts(plan.in_channels, plan.out_channels, 1, plan.output_hw)
    return counts + norm_counts(plan.out_channels) if norm else counts


def shortcut_bytes(plan: BlockPlan, *, norm: bool) -> TrainingBytes:
    """Return the shortcut's memory in training: that of a normalisation after the projection."""
    if not plan.changes_shape or plan.shortcut == "padding" or not norm:
        return NO_BYTES
    out = FLOAT_BYTES * plan.out_channels * plan.output_hw[0] * plan.output_hw[1]
    return TrainingBytes(out, 0)
