"""ResNet (He et al. 2015) whose every block takes its own spatial primitive.

Stride sits on the spatial operator (v1.5), as both papers' cost columns have it. A shortcut whose
shape changes is a strided 1x1 convolution.
"""

from __future__ import annotations

from torch import Tensor, nn

from search_space.architecture import Architecture, Task
from search_space.networks.plan import BlockPlan, NetworkPlan, plan_network
from search_space.primitives.convolution import convolution


class ResidualBlock(nn.Module):
    """``relu(branch(x) + shortcut(x))``: ``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``.

    The branch of a bottleneck is 1x1, primitive, 1x1; of a basic block, primitive, 3x3; each with
    batch normalisation, and ReLU between.
    """

    def __init__(self, plan: BlockPlan) -> None:
        super().__init__()
        width, out = plan.width, plan.out_channels
        spatial_in = width if plan.kind == "bottleneck" else plan.in_channels
        spatial = plan.primitive.build(spatial_in, width, plan.stride, plan.input_hw)
        layers: list[nn.Module] = []
        if plan.kind == "bottleneck":
            layers += [
                convolution(plan.in_channels, width, 1),
                nn.BatchNorm2d(width),
                nn.ReLU(True),
            ]
        layers += [spatial, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        last_kernel = 1 if plan.kind == "bottleneck" else 3
        layers += [convolution(width, out, last_kernel), nn.BatchNorm2d(out)]
        self.branch = nn.Sequential(*layers)
        self.shortcut: nn.Module = nn.Identity()
        if plan.stride != 1 or plan.in_channels != out:
            self.shortcut = nn.Sequential(
                convolution(plan.in_channels, out, 1, plan.stride), nn.BatchNorm2d(out)
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.relu(self.branch(x) + self.shortcut(x))
        return out


class Classifier(nn.Module):
    """Global average pooling and one linear layer: ``[B, C, H, W] -> [B, classes]``."""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, classes)
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.linear(x.mean(dim=(2, 3)))
        return logits


class ResNet(nn.Module):
    """A stem, stages of residual blocks, a classifier: ``[B, C, H, W] -> [B, classes]``."""

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__()
        self.stem = plan.stem.build(plan.in_channels)
        self.stages = nn.Sequential(
            *(nn.Sequential(*(ResidualBlock(block) for block in stage)) for stage in plan.stages)
        )
        self.classifier = Classifier(plan.out_channels, plan.classes)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.classifier(self.stages(self.stem(x)))
        return logits


def build_resnet(architecture: Architecture, task: Task) -> ResNet:
    """The network of ``architecture`` for ``task``, initialised by torch's global RNG."""
    return ResNet(plan_network(architecture, task))
