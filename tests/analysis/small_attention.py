"""A small network of local and global attention, an image for it, and maps that no network made."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from analysis.attention_maps.maps import AttentionMaps, attention_layers
from search_space.architecture import Architecture, Stage, Task
from search_space.networks import build
from search_space.primitives import AugmentedConvolution, ConvolutionStem, LocalAttention


def architecture(**changes: Any) -> Architecture:
    """A bottleneck of local attention, then one of stride 2 with an augmented convolution."""
    augmented = AugmentedConvolution(
        kernel=3, key_depth=8, value_depth=4, heads=2, position="relative", downsample=False
    )
    local = Stage(width=8, stride=1, blocks=(LocalAttention(extent=3, heads=4),))
    values: dict[str, Any] = {
        "expansion": 2,
        "stem": ConvolutionStem(kernel=3, stride=1, pool=False, width=8),
        "stages": (local, Stage(width=8, stride=2, blocks=(augmented,))),
    }
    return Architecture(**values | changes)


def network(channels: int = 1, hw: tuple[int, int] = (6, 8), **changes: Any) -> nn.Module:
    task = Task(input_shape=(channels, *hw), classes=10)
    return build(architecture(**changes), task, seed=0).eval()


LOCAL, GLOBAL = attention_layers(network())
"""The names of its two attention layers."""


def image(channels: int = 1, hw: tuple[int, int] = (6, 8)) -> Tensor:
    return torch.randn(channels, *hw, generator=torch.Generator().manual_seed(1))


def invented(
    pixels: int = 2, heads: int = 3, hw: tuple[int, int] = (4, 5), extent: int | None = None
) -> AttentionMaps:
    """Maps of an image of twice the map's height and three times its width."""
    weights = np.random.default_rng(0).dirichlet(np.ones(hw[0] * hw[1]), (pixels, heads))
    queries = tuple((index % hw[0], (2 * index + 1) % hw[1]) for index in range(pixels))
    return AttentionMaps(
        layer="stages.0.0",
        extent=extent,
        image_hw=(2 * hw[0], 3 * hw[1]),
        pixels=tuple((2 * row, 3 * column) for row, column in queries),
        queries=queries,
        maps=weights.reshape(pixels, heads, *hw).astype(np.float32),
    )
