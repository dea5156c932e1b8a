"""Plain ResNets by name: for ImageNet, and for CIFAR-10 (He et al. 2015, arXiv 1512.03385)."""

from __future__ import annotations

from search_space.architecture import Architecture, Stage
from search_space.primitives import Convolution, ConvolutionStem
from search_space.zoo.named import CIFAR_10, NamedNetwork
from search_space.zoo.resnets import DEPTHS, resnet
from search_space.zoo.width import scaled

CIFAR_DEPTHS = (20, 32, 44, 56, 110)
CIFAR_WIDTHS = (16, 32, 64)


def cifar_resnet(depth: int, *, width: float = 1.0) -> Architecture:
    """Return ResNet for 32 x 32 images (section 4.2): three stages of (depth - 2) / 6 basic blocks.

    Shortcuts have no parameters, as in the paper. Where a block halves the map, the shortcut
    averages 2 x 2 pixels; the paper takes the first of them.

    Args:
        depth: 6 n + 2 for n blocks in each stage.
        width: factor on all widths.

    Raises:
        ValueError: there is no such depth.
    """
    blocks, rest = divmod(depth - 2, 6)
    if blocks < 1 or rest:
        raise ValueError(f"depth must be 6 n + 2 with n at least 1, got {depth}")
    first, *_ = widths = [scaled(each, width) for each in CIFAR_WIDTHS]
    stages = tuple(
        Stage(width=each, stride=2 if index else 1, blocks=(Convolution(),) * blocks)
        for index, each in enumerate(widths)
    )
    stem = ConvolutionStem(width=first, kernel=3, stride=1, pool=False)
    return Architecture(block="basic", shortcut="padding", stem=stem, stages=stages)


def _imagenet(depth: int) -> NamedNetwork:
    # Stand-Alone Self-Attention made ResNet-26 and -38 by removing blocks from each stage.
    source = "SASA Table 1" if depth in (26, 38) else "He et al. 2015"
    return NamedNetwork(lambda width: resnet(depth, width=width), source)


def _cifar(depth: int) -> NamedNetwork:
    return NamedNetwork(
        lambda width: cifar_resnet(depth, width=width), "He et al. 2015", task=CIFAR_10
    )


NETWORKS: dict[str, NamedNetwork] = {
    **{f"resnet{depth}": _imagenet(depth) for depth in DEPTHS},
    **{f"resnet{depth}": _cifar(depth) for depth in CIFAR_DEPTHS},
}
