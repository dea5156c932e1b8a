"""A whole network: stem, stages of residual blocks, head, classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from search_space.counts import Counts, TrainingBytes
from search_space.families import FamilyName
from search_space.networks import mnasnet, resnet, wide_resnet
from search_space.networks.ending import Classifier, build_head
from search_space.networks.plan import BlockPlan, NetworkPlan
from search_space.networks.stochastic_depth import StochasticDepth


class BlockForm(NamedTuple):
    """A family's block: its module, and its costs in closed form."""

    build: Callable[[BlockPlan], nn.Module]
    counts: Callable[[BlockPlan], Counts]
    training_bytes: Callable[[BlockPlan], TrainingBytes]


BLOCK_FORMS: dict[FamilyName, BlockForm] = {
    "resnet": BlockForm(resnet.ResidualBlock, resnet.block_counts, resnet.block_bytes),
    "wide_resnet": BlockForm(
        wide_resnet.PreActivationBlock, wide_resnet.block_counts, wide_resnet.block_bytes
    ),
    "mnasnet": BlockForm(mnasnet.LinearBottleneckBlock, mnasnet.block_counts, mnasnet.block_bytes),
}


class Network(nn.Module):
    """``[B, C, H, W] -> [B, classes]``."""

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__()
        self.stem = plan.stem.build(plan.in_channels)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    *(
                        BLOCK_FORMS[block.family].build(block)
                        for block, number in stage.runs
                        for _ in range(number)
                    )
                )
                for stage in plan.stages
            )
        )
        self.head = build_head(plan.ending)
        self.classifier = Classifier(plan.ending.features, plan.ending.classes)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.classifier(self.head(self.stages(self.stem(x))))
        return logits

    def start_branches_at_zero(self) -> None:
        """Set the last normalisation's scale of every residual branch to zero.

        Each block then starts as its shortcut (Goyal et al. 2017, arXiv 1706.02677, section 5.1).

        Raises:
            ValueError: a branch does not end in a normalisation.
        """
        for part in self.stages.modules():
            if isinstance(part, resnet.ResidualBlock | mnasnet.LinearBottleneckBlock):
                norm = part.last_norm
                if norm is not None:
                    nn.init.zeros_(norm.weight)

    def regularise(self, *, dropout: float, stochastic_depth: float) -> None:
        """Add dropout before the classifier, and stochastic depth; the weights stay as they are.

        Args:
            dropout: probability with which a feature is zero.
            stochastic_depth: probability with which an image skips the last residual branch; the
                n-th of N is skipped with ``n / N`` of it (Huang et al. 2016, equation 4).
        """
        if dropout:
            self.classifier.dropout = nn.Dropout(dropout)
        if stochastic_depth:
            blocks = [
                block
                for stage in self.stages.children()
                for block in stage.children()
                if not isinstance(block, mnasnet.LinearBottleneckBlock) or block.adds_input
            ]
            for place, block in enumerate(blocks, start=1):
                block.skipping = StochasticDepth(stochastic_depth * place / len(blocks))
