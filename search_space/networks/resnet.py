"""The residual blocks of ResNet (He et al. 2015, arXiv 1512.03385), each with its own primitive.

Stride sits on the primitive (v1.5), as both papers' cost columns have it.
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
from search_space.networks.shortcut import build_shortcut, shortcut_bytes, shortcut_counts


class ResidualBlock(nn.Module):
    """``relu(branch(x) + shortcut(x))``: ``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``.

    The branch of a bottleneck is 1x1, primitive, 1x1; of a basic block, primitive, 3x3; each with
    batch normalisation, and ReLU between.
    """

    def __init__(self, plan: BlockPlan) -> None:
        super().__init__()
        width, out = plan.width, plan.out_channels
        spatial = plan.primitive.build(
            plan.primitive_in_channels, width, plan.stride, plan.input_hw
        )
        layers: list[nn.Module] = []
        if plan.kind == "bottleneck":
            layers += [
                convolution(plan.in_channels, width, 1),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        layers += [spatial, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        layers += [convolution(width, out, _last_kernel(plan)), nn.BatchNorm2d(out)]
        gate = build_gate(plan, "branch")
        if gate is not None:
            layers.append(gate)
        self.branch = nn.Sequential(*layers)
        self.shortcut = build_shortcut(plan, norm=True)
        self.skipping: nn.Module = nn.Identity()
        self.relu = nn.ReLU(inplace=True)
        self.recalibration = build_stage_gate(plan)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The normalisation that ends the branch, before any channel attention."""
        # Not an attribute: a second name would write its weights twice into every state_dict.
        *_, norm = (layer for layer in self.branch if isinstance(layer, nn.BatchNorm2d))
        return norm

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.recalibration(
            self.relu(self.skipping(self.branch(x)) + self.shortcut(x))
        )
        return out


def block_counts(plan: BlockPlan) -> Counts:
    """Count what a :class:`ResidualBlock` costs."""
    width, out, hw = plan.width, plan.out_channels, plan.output_hw
    counts = (
        plan.primitive.counts(plan.primitive_in_channels, width, plan.stride, plan.input_hw)
        + norm_counts(width)
        + convolution_counts(width, out, _last_kernel(plan), hw)
        + norm_counts(out)
    )
    if plan.kind == "bottleneck":
        counts += convolution_counts(plan.in_channels, width, 1, plan.input_hw) + norm_counts(width)
    if plan.changes_shape:
        counts += shortcut_counts(plan, norm=True)
    return counts + gate_counts(plan)


def block_bytes(plan: BlockPlan) -> TrainingBytes:
    """Return the memory that a :class:`ResidualBlock` takes in training."""
    width, hw = plan.width, plan.output_hw
    narrow_in = FLOAT_BYTES * width * plan.input_hw[0] * plan.input_hw[1]
    narrow_out = FLOAT_BYTES * width * hw[0] * hw[1]
    out = FLOAT_BYTES * plan.out_channels * hw[0] * hw[1]
    kept = plan.primitive.training_bytes(
        plan.primitive_in_channels, width, plan.stride, plan.input_hw
    )
    if plan.kind == "bottleneck":
        # A convolution's output is kept by the normalisation, its ReLU by the next convolution.
        kept = TrainingBytes(2 * narrow_in, 2 * narrow_in).then(kept)
    kept = kept.then(TrainingBytes(narrow_out + out, 2 * out))
    kept = kept.then(gate_bytes(plan, "branch"))
    kept = kept.then(shortcut_bytes(plan, norm=True)).then(TrainingBytes(out, 2 * out))
    return kept.then(gate_bytes(plan, "stage"))


def _last_kernel(plan: BlockPlan) -> int:
    return 1 if plan.kind == "bottleneck" else 3
