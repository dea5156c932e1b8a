"""The linear-bottleneck blocks of mobile networks (Tan et al. 2019, arXiv 1807.11626).

The primitive is the whole branch (:mod:`search_space.primitives.inverted_bottleneck`), whose input
is added where the shapes agree. MnasNet's channel attention acts on the expanded map.
"""

from __future__ import annotations

from torch import Tensor, nn

from search_space.counts import Counts, TrainingBytes
from search_space.layers.inverted_bottleneck import InvertedBottleneck2d
from search_space.networks.gates import build_gate, build_stage_gate, gate_bytes, gate_counts
from search_space.networks.plan import BlockPlan
from search_space.primitives.inverted_bottleneck import Identity, InvertedBottleneck


class LinearBottleneckBlock(nn.Module):
    """``branch(x) + x``, or ``branch(x)`` where the shape changes.

    ``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``.
    """

    def __init__(self, plan: BlockPlan) -> None:
        super().__init__()
        self.label = plan.primitive.label
        self.adds_input = not plan.changes_shape and not isinstance(plan.primitive, Identity)
        shape = (plan.in_channels, plan.out_channels, plan.stride, plan.input_hw)
        if isinstance(plan.primitive, InvertedBottleneck):
            gate = build_gate(plan, "branch")
            self.branch: nn.Module = plan.primitive.build(*shape, gate)
        else:
            layers = [plan.primitive.build(*shape)]
            gate = build_gate(plan, "branch")
            layers += [] if gate is None else [gate]
            self.branch = nn.Sequential(*layers)
        self.skipping: nn.Module = nn.Identity()
        self.recalibration = build_stage_gate(plan)

    @property
    def last_norm(self) -> nn.BatchNorm2d | None:
        """The normalisation that ends a residual branch; None where no input is added.

        Raises:
            ValueError: the branch is a primitive of the user's own, whose end is not known.
        """
        if not self.adds_input:
            return None
        if not isinstance(self.branch, InvertedBottleneck2d):
            raise ValueError(
                "zero_init_residual needs branches that end in batch normalisation, "
                f"got {self.label}"
            )
        norm = self.branch.project[-1]
        assert isinstance(norm, nn.BatchNorm2d)
        return norm

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        branch = self.branch(x)
        out: Tensor = self.recalibration(self.skipping(branch) + x if self.adds_input else branch)
        return out


def block_counts(plan: BlockPlan) -> Counts:
    """Count what a :class:`LinearBottleneckBlock` costs."""
    branch = plan.primitive.counts(plan.in_channels, plan.out_channels, plan.stride, plan.input_hw)
    return branch + gate_counts(plan)


def block_bytes(plan: BlockPlan) -> TrainingBytes:
    """Return the memory that a :class:`LinearBottleneckBlock` takes in training.

    What follows keeps the sum, in place of the branch's last map.
    """
    kept = plan.primitive.training_bytes(
        plan.in_channels, plan.out_channels, plan.stride, plan.input_hw
    )
    return kept.then(gate_bytes(plan, "branch")).then(gate_bytes(plan, "stage"))
