"""The feature pyramid: maps of every level, each with the content of all higher ones.

Source: Lin et al. 2017, arXiv 1612.03144, with RetinaNet's further levels (arXiv 1708.02002,
footnote 2 of section 4). Differences and choices:

* The level above the backbone's last comes from that level of the pyramid (P6 from P5), as the
  parameters that both papers print fit, and not from the backbone's last features. ReLU stands
  before each further one (P7).
* A map is enlarged to the next larger one by taking pixel (i // 2, j // 2), also at odd sizes.
* Where local attention stands for a strided convolution, its 2 x 2 average pooling takes the stride
  (SASA A.3).
* Features of pre-activation blocks are normalised and activated first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

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
from search_space.networks.detection.operators import (
    build_norm,
    build_operator,
    layer_bytes,
    norms_counts,
    operator_counts,
)
from search_space.networks.detection.plan import PyramidPlan


class FeaturePyramid(nn.Module):
    """One map ``[B, width, H_l, W_l]`` a level, of the backbone's features."""

    def __init__(self, plan: PyramidPlan) -> None:
        super().__init__()
        channels, bias = (plan.width, plan.width), not plan.normalized
        merged = len(plan.inputs)
        self.lateral = nn.ModuleList(_lateral(plan, seen) for seen, *_ in plan.inputs)
        self.operators = nn.ModuleList(
            build_operator(plan.primitive, channels, 1, hw, bias=bias) for hw in plan.maps[:merged]
        )
        self.further = nn.ModuleList(
            build_operator(plan.primitive, channels, 2, hw, bias=bias)
            for hw in plan.maps[merged - 1 : -1]
        )
        self.norms = nn.ModuleList(
            build_norm(plan.width, normalized=plan.normalized) for _ in plan.maps
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Merge the features ``[B, C_l, H_l, W_l]`` of the lower levels, the largest map first."""
        merged = [lateral(x) for lateral, x in zip(self.lateral, features, strict=True)]
        for level in reversed(range(len(merged) - 1)):
            above = F.interpolate(merged[level + 1], size=merged[level].shape[-2:], mode="nearest")
            merged[level] = merged[level] + above
        maps = [operator(x) for operator, x in zip(self.operators, merged, strict=True)]
        maps = [norm(x) for norm, x in zip(self.norms, maps, strict=False)]  # further ones follow
        for index, operator in enumerate(self.further):
            below = F.relu(maps[-1]) if index else maps[-1]
            maps.append(self.norms[len(maps)](operator(below)))
        return maps


def pyramid_counts(plan: PyramidPlan) -> Counts:
    """Count what a :class:`FeaturePyramid` costs."""
    channels, bias = (plan.width, plan.width), not plan.normalized
    total = norms_counts(plan.width, normalized=plan.normalized).times(len(plan.maps))
    for seen, *hw in plan.inputs:
        map_hw = (hw[0], hw[1])
        total += norm_counts(seen) if plan.activates else NO_COUNTS
        total += convolution_counts(seen, plan.width, 1, map_hw, bias=True)
        total += operator_counts(plan.primitive, channels, 1, map_hw, bias=bias)
    for below, _ in _further(plan):
        total += operator_counts(plan.primitive, channels, 2, below, bias=bias)
    return total


def pyramid_bytes(plan: PyramidPlan) -> TrainingBytes:
    """Return the memory of a :class:`FeaturePyramid` in training.

    Kept are each merged map, what the operators keep, activated features, and the activated input
    of each further level but the first.
    """
    kept = NO_BYTES
    for seen, height, width in plan.inputs:
        pixels = FLOAT_BYTES * height * width
        if plan.activates:
            kept = kept.then(TrainingBytes(seen * pixels, 2 * seen * pixels))
        merged = plan.width * pixels
        kept = kept.then(TrainingBytes(merged, 2 * merged)).then(
            layer_bytes(plan.primitive, plan.width, 1, (height, width), normalized=plan.normalized)
        )
    for index, (below, _) in enumerate(_further(plan)):
        activated = FLOAT_BYTES * plan.width * below[0] * below[1] if index else 0
        kept = kept.then(TrainingBytes(activated, 2 * activated)).then(
            layer_bytes(plan.primitive, plan.width, 2, below, normalized=plan.normalized)
        )
    return kept


def _further(plan: PyramidPlan) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the maps below and of each further level."""
    return list(pairwise(plan.maps[len(plan.inputs) - 1 :]))


def _lateral(plan: PyramidPlan, in_channels: int) -> nn.Sequential:
    """Build the 1x1 convolution of one level's features, with bias, Glorot uniform."""
    conv = nn.Conv2d(in_channels, plan.width, 1)
    nn.init.xavier_uniform_(conv.weight)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    activation = [nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True)] if plan.activates else []
    return nn.Sequential(*activation, conv)
