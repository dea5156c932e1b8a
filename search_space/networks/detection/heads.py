"""The heads of RetinaNet: for every anchor, a logit for each class and four offsets of a box.

Source: Lin et al. 2017, arXiv 1708.02002, sections 4 and 4.1. Each head is some hidden layers
(operator, ReLU) and a predictor; all levels share their weights. The predictor of a convolutional
head is one more convolution of the same kernel, as in the paper. That of an attention head is one
more attention layer and the pointwise convolution that mixes the heads (SASA A.3, where every 3x3
convolution becomes attention of the same width).

The published code of RetinaNet normalises the hidden layers by batches, for each level by itself;
the paper does not. Here ``normalized`` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import torch
from torch import Tensor, nn

from search_space.counts import (
    FLOAT_BYTES,
    NO_BYTES,
    NO_COUNTS,
    Counts,
    TrainingBytes,
    convolution_counts,
)
from search_space.networks.detection.operators import (
    WEIGHT_DEVIATION,
    build_norm,
    build_operator,
    draw_small,
    layer_bytes,
    norms_counts,
    operator_counts,
)
from search_space.networks.detection.plan import HeadsPlan
from search_space.primitives import Convolution

PRIOR = 0.01
"""The probability of a class that each anchor starts with (RetinaNet section 3.3)."""

OFFSETS = 4  # of a box


class Head(nn.Module):
    """One head: from maps ``[B, width, H_l, W_l]`` to predictions ``[B, N, outputs]``.

    N counts the anchors of all levels: by level, row, column, and then the anchor at the position.
    """

    def __init__(self, plan: HeadsPlan, outputs: int, bias: float) -> None:
        super().__init__()
        self.outputs = outputs
        channels, hw = (plan.width, plan.width), plan.maps[0]
        self.operators = nn.ModuleList(
            build_operator(plan.primitive, channels, 1, hw, bias=not plan.normalized)
            for _ in range(plan.layers)
        )
        for operator in self.operators:
            draw_small(operator, plan.primitive)
        self.norms = nn.ModuleList(
            nn.ModuleList(
                build_norm(plan.width, normalized=plan.normalized) for _ in range(plan.layers)
            )
            for _ in plan.maps
        )
        self.relu = nn.ReLU(inplace=not _keeps_output(plan))
        self.predictor = _predictor(plan, plan.anchors * outputs, bias)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """See the class."""
        each = [self._predict(x, norms) for x, norms in zip(maps, self.norms, strict=True)]
        return torch.cat(each, dim=1)

    def _predict(self, x: Tensor, norms: nn.Module) -> Tensor:
        assert isinstance(norms, nn.ModuleList)
        for operator, norm in zip(self.operators, norms, strict=True):
            x = self.relu(norm(operator(x)))
        predicted: Tensor = self.predictor(x)
        return predicted.permute(0, 2, 3, 1).reshape(x.shape[0], -1, self.outputs)


def build_class_head(plan: HeadsPlan) -> Head:
    """Build the head whose outputs are logits of the classes, each of probability 0.01 at first."""
    return Head(plan, plan.classes, -log((1 - PRIOR) / PRIOR))


def build_box_head(plan: HeadsPlan) -> Head:
    """Build the head whose outputs are offsets (:mod:`search_space.networks.detection.boxes`)."""
    return Head(plan, OFFSETS, 0.0)


def head_counts(plan: HeadsPlan, outputs: int) -> Counts:
    """Count what a head of ``outputs`` for each anchor costs."""
    total = NO_COUNTS
    for index, hw in enumerate(plan.maps):
        level = _layers_counts(plan, plan.anchors * outputs, hw)
        if index:
            level = level._replace(params=0)  # all levels share the weights
        norms = norms_counts(plan.width, normalized=plan.normalized).times(plan.layers)
        total += level + norms
    return total


def heads_bytes(plan: HeadsPlan) -> TrainingBytes:
    """Return the memory of both heads in training: what layers keep, and all predictions."""
    kept = NO_BYTES
    for hw in plan.maps:
        layer = layer_bytes(plan.primitive, plan.width, 1, hw, normalized=plan.normalized)
        if _keeps_output(plan):
            activated = FLOAT_BYTES * plan.width * hw[0] * hw[1]
            layer = layer.then(TrainingBytes(activated, 2 * activated))
        kept = kept.then(TrainingBytes(2 * plan.layers * layer.saved, layer.transient))
        if not isinstance(plan.primitive, Convolution):
            saved, transient = plan.primitive.training_bytes(plan.width, plan.width, 1, hw)
            kept = kept.then(TrainingBytes(2 * saved, transient))
    predictions = FLOAT_BYTES * plan.boxes * (plan.classes + OFFSETS)
    return kept.then(TrainingBytes(predictions, 2 * predictions))


def _layers_counts(plan: HeadsPlan, outputs: int, hw: tuple[int, int]) -> Counts:
    """Count the layers on one map, without normalisation."""
    channels, bias = (plan.width, plan.width), not plan.normalized
    hidden = operator_counts(plan.primitive, channels, 1, hw, bias=bias).times(plan.layers)
    if isinstance(plan.primitive, Convolution):
        predictor = (plan.width, outputs)
        return hidden + operator_counts(plan.primitive, predictor, 1, hw, bias=True)
    mixed = plan.primitive.counts(*channels, 1, hw)
    return hidden + mixed + convolution_counts(plan.width, outputs, 1, hw, bias=True)


def _keeps_output(plan: HeadsPlan) -> bool:
    """Whether ReLU must leave its input: the backward pass of attention needs its output."""
    return not plan.normalized and not isinstance(plan.primitive, Convolution)


def _predictor(plan: HeadsPlan, outputs: int, bias: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    if isinstance(plan.primitive, Convolution):
        last = build_operator(plan.primitive, (plan.width, outputs), 1, plan.maps[0], bias=True)
    else:
        layers = [plan.primitive.build(plan.width, plan.width, 1, plan.maps[0])]
        draw_small(layers[0], plan.primitive)
        last = nn.Conv2d(plan.width, outputs, 1)
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    nn.init.normal_(last.weight, std=WEIGHT_DEVIATION)
    nn.init.constant_(last.bias, bias)
    return nn.Sequential(*layers, last)
