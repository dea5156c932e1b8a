"""The pre-activation blocks of Wide ResNet (Zagoruyko and Komodakis 2016, arXiv 1605.07146).

Normalisation and ReLU stand before each operator (He et al. 2016, arXiv 1603.05027), and once more
before the classifier. The papers do not say how a shortcut changes shape: the 36.3 M parameters
printed for Wide-ResNet-28-10 fit only a shortcut without any, so ``padding`` is the default. A
projection sees the normalised input, padding the raw one.
"""

from __future__ import annotations

from torch import Tensor, nn

from search_space.counts import (
    FLOAT_BYTES,
    Counts,
    TrainingBytes,
    convolution_counts,
    norm_counts,
)
from search_space.layers.convolution import convolution
from search_space.networks.gates import build_gate, build_stage_gate, gate_bytes, gate_counts
from search_space.networks.plan import BlockPlan
from search_space.networks.shortcut import build_shortcut, shortcut_counts


class PreActivationBlock(nn.Module):
    """``branch(x) + shortcut(x)``: ``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``.

    The branch is normalisation, ReLU, primitive, normalisation, ReLU, 3x3 convolution.
    """

    def __init__(self, plan: BlockPlan) -> None:
        super().__init__()
        width, out = plan.width, plan.out_channels
        self.activate = nn.Sequential(nn.BatchNorm2d(plan.in_channels), nn.ReLU(inplace=True))
        layers = [
            plan.primitive.build(plan.in_channels, width, plan.stride, plan.input_hw),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            convolution(width, out, 3),
        ]
        gate = build_gate(plan, "branch")
        if gate is not None:
            layers.append(gate)
        self.branch = nn.Sequential(*layers)
        self.skipping: nn.Module = nn.Identity()
        self.shortcut = build_shortcut(plan, norm=False)
        self.projects = plan.changes_shape and plan.shortcut == "projection"
        self.recalibration = build_stage_gate(plan)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        activated = self.activate(x)
        beside = self.shortcut(activated if self.projects else x)
        out: Tensor = self.recalibration(self.skipping(self.branch(activated)) + beside)
        return out


def block_counts(plan: BlockPlan) -> Counts:
    """Count what a :class:`PreActivationBlock` costs."""
    width, out, hw = plan.width, plan.out_channels, plan.output_hw
    return (
        norm_counts(plan.in_channels)
        + plan.primitive.counts(plan.in_channels, width, plan.stride, plan.input_hw)
        + norm_counts(width)
        + convolution_counts(width, out, 3, hw)
        + shortcut_counts(plan, norm=False)
        + gate_counts(plan)
    )


def block_bytes(plan: BlockPlan) -> TrainingBytes:
    """Return the memory that a :class:`PreActivationBlock` takes in training."""
    hw = plan.output_hw
    activated = FLOAT_BYTES * plan.in_channels * plan.input_hw[0] * plan.input_hw[1]
    narrow = FLOAT_BYTES * plan.width * hw[0] * hw[1]
    out = FLOAT_BYTES * plan.out_channels * hw[0] * hw[1]
    kept = (
        TrainingBytes(activated, 2 * activated)
        .then(
            plan.primitive.training_bytes(plan.in_channels, plan.width, plan.stride, plan.input_hw)
        )
        .then(TrainingBytes(narrow + out, 2 * out))
    )
    return kept.then(gate_bytes(plan, "branch")).then(gate_bytes(plan, "stage"))
