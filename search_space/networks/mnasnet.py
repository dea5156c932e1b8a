"""The linear-bottleneck blocks of mobile networks (Tan et al. 2019, arXiv 1807.11626).

The primitive is the whole branch (:mod:`search_space.primitives.inverted_bottleneck`), whose input
is added where the shapes agree. MnasNet's channel attention stands on the expanded map.
"""

from __future__ import annotations

from torch import Tensor, nn

from search_space.counts import NO_COUNTS, Counts, TrainingBytes
from search_space.networks.plan import BlockPlan
from search_space.primitives.inverted_bottleneck import (
    Identity,
    InvertedBottleneck,
    InvertedBottleneck2d,
)


class LinearBottleneckBlock(nn.Module):
    """``branch(x) + x``, or ``branch(x)`` where the shape changes.

    ``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``.
    """

    def __init__(self, plan: BlockPlan) -> None:
        super().__init__()
        self.label = plan.primitive.label
        self.adds_input = not plan.changes_shape and not isinstance(plan.primitive, Identity)
        shape = (plan.in_channels, plan.out_channels, plan.stride, plan.input_hw)
        within = plan.channel_attention_at("branch")
        if isinstance(plan.primitive, InvertedBottleneck):
            reweigh = within.build(_gated_channels(plan)) if within else None
            self.branch: nn.Module = InvertedBottleneck2d(plan.primitive, *shape, reweigh)
        else:
            layers = [plan.primitive.build(*shape)]
            layers += [within.build(plan.out_channels)] if within else []
            self.branch = nn.Sequential(*layers)
        after = plan.channel_attention_at("stage")
        self.recalibration = after.build(plan.out_channels) if after else nn.Identity()

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
        out: Tensor = self.recalibration(branch + x if self.adds_input else branch)
        return out


def block_counts(plan: BlockPlan) -> Counts:
    """What a :class:`LinearBottleneckBlock` costs."""
    branch = plan.primitive.counts(plan.in_channels, plan.out_channels, plan.stride, plan.input_hw)
    reweighing = NO_COUNTS
    if within := plan.channel_attention_at("branch"):
        reweighing = within.counts(_gated_channels(plan), plan.output_hw)
    elif after := plan.channel_attention_at("stage"):
        reweighing = after.counts(plan.out_channels, plan.output_hw)
    return branch + reweighing


def block_bytes(plan: BlockPlan) -> TrainingBytes:
    """What a :class:`LinearBottleneckBlock` keeps in training.

    The sum is kept by what follows, in place of the branch's last map.
    """
    kept = plan.primitive.training_bytes(
        plan.in_channels, plan.out_channels, plan.stride, plan.input_hw
    )
    if within := plan.channel_attention_at("branch"):
        kept = kept.then(within.training_bytes(_gated_channels(plan), plan.output_hw))
    if after := plan.channel_attention_at("stage"):
        kept = kept.then(after.training_bytes(plan.out_channels, plan.output_hw))
    return kept


def _gated_channels(plan: BlockPlan) -> int:
    if isinstance(plan.primitive, InvertedBottleneck):
        return plan.primitive.expansion * plan.in_channels
    return plan.out_channels
