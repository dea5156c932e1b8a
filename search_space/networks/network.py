"""A whole classifier: stem, stages of residual blocks, head, classifier; and its backbone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from search_space.counts import Counts, TrainingBytes
from search_space.families import FamilyName
from search_space.networks import mnasnet, resnet, wide_resnet
from search_space.networks.ending import Classifier, Ending, build_head
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


class Backbone(nn.Module):
    """The stem and the stages: all of a network but its ending."""

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

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the output ``[B, C, H, W]`` of every stage; of an image, ``[B, C, H, W]``."""
        x = self.stem(x)
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs

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

    def skip_branches(self, probability: float) -> None:
        """Add stochastic depth; the weights stay as they are.

        Args:
            probability: probability with which an image skips the last residual branch; the n-th of
                N is skipped with ``n / N`` of it (Huang et al. 2016, equation 4).
        """
        blocks = [
            block
            for stage in self.stages.children()
            for block in stage.children()
            if not isinstance(block, mnasnet.LinearBottleneckBlock) or block.adds_input
        ]
        for place, block in enumerate(blocks, start=1):
            block.skipping = StochasticDepth(probability * place / len(blocks))


class Network(Backbone):
    """A classifier, ``[B, C, H, W] -> [B, classes]``."""

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__(plan)
        assert isinstance(plan.ending, Ending)
        self.head = build_head(plan.ending)
        self.classifier = Classifier(plan.ending.features, plan.ending.classes)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.classifier(self.head(self.stages(self.stem(x))))
        return logits

    def drop_features(self, probability: float) -> None:
        """Add dropout before the classifier: a feature is zero with ``probability``."""
        self.classifier.dropout = nn.Dropout(probability)
