"""Oracles of residual blocks: the layers of each in its paper's order, as loops over pixels.

They share no code with ``search_space``, and are for float64 and tiny maps. A block's weights are
looked up by its own names, so a layer in the wrong place is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from tests.search_space import naive, naive_channel_attention, naive_layers

Weights = Mapping[str, Tensor]
Layer = Callable[[Tensor], Tensor]
Gate = Callable[[Tensor, Weights], Tensor]
"""Channel attention, given its weights by its own names."""


class Block(NamedTuple):
    """The parts that blocks of all families have."""

    weights: Weights  # parameters and statistics
    training: bool
    stride: int
    out_channels: int
    shortcut: Literal["identity", "projection", "padding", "none"]
    gate: Gate | None
    placement: Literal["branch", "stage"]  # of the gate

    def conv(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        """The convolution called ``name``."""
        return naive.convolution(x, self.weights[f"{name}.weight"], stride)

    def norm(self, x: Tensor, name: str) -> Tensor:
        """The batch normalisation called ``name``."""
        grids = [naive.pixels(one) for one in x]
        vectors = [vector for grid in grids for row in grid for vector in row]
        normalised = naive_channel_attention.normalised(vectors, self.weights, name, self.training)
        flat = iter(normalised)
        return torch.stack([naive.image([[next(flat) for _ in row] for row in g]) for g in grids])

    def gated(self, x: Tensor, placement: str, name: str) -> Tensor:
        """``x``, gated by the module called ``name`` if the gate stands here."""
        if self.gate is None or self.placement != placement:
            return x
        return self.gate(x, under(self.weights, name))


def bottleneck(x: Tensor, block: Block, spatial: Layer) -> Tensor:
    """He et al. 2015, Figure 5 on the right: 1x1, the spatial operator, 1x1."""
    y = torch.relu(block.norm(block.conv(x, "branch.0"), "branch.1"))
    y = torch.relu(block.norm(spatial(y), "branch.4"))
    y = block.gated(block.norm(block.conv(y, "branch.6"), "branch.7"), "branch", "branch.8")
    return block.gated(torch.relu(y + beside(x, block)), "stage", "recalibration")


def basic(x: Tensor, block: Block, spatial: Layer) -> Tensor:
    """He et al. 2015, Figure 5 on the left: the spatial operator, 3x3."""
    y = torch.relu(block.norm(spatial(x), "branch.1"))
    y = block.gated(block.norm(block.conv(y, "branch.3"), "branch.4"), "branch", "branch.5")
    return block.gated(torch.relu(y + beside(x, block)), "stage", "recalibration")


def beside(x: Tensor, block: Block) -> Tensor:
    """The shortcut of a basic block and a bottleneck: input, normalised projection, or padding."""
    if block.shortcut == "projection":
        return block.norm(block.conv(x, "shortcut.0", block.stride), "shortcut.1")
    return x if block.shortcut == "identity" else padded(x, block)


def pre_activation(x: Tensor, block: Block, spatial: Layer) -> Tensor:
    """He et al. 2016, Figure 1 (b): normalisation and ReLU before each operator.

    A projection is of the activated input, as in Wide ResNet's published code.
    """
    activated = torch.relu(block.norm(x, "activate.0"))
    y = torch.relu(block.norm(spatial(activated), "branch.1"))
    y = block.gated(block.conv(y, "branch.3"), "branch", "branch.4")
    if block.shortcut == "projection":
        y = y + block.conv(activated, "shortcut", block.stride)
    else:
        y = y + (x if block.shortcut == "identity" else padded(x, block))
    return block.gated(y, "stage", "recalibration")


def inverted_bottleneck(x: Tensor, block: Block, widen: Layer | None) -> Tensor:
    """Sandler et al. 2018, Table 1, with MnasNet's gate after the depthwise convolution."""
    y = x if widen is None else torch.relu(block.norm(widen(x), "branch.expand.1"))
    y = depthwise(y, block.weights["branch.depthwise.0.weight"], block.stride)
    y = torch.relu(block.norm(y, "branch.depthwise.1"))
    y = block.gated(y, "branch", "branch.recalibration")
    y = block.norm(block.conv(y, "branch.project.0"), "branch.project.1")
    return block.gated(y + x if block.shortcut == "identity" else y, "stage", "recalibration")


def identity(x: Tensor, block: Block) -> Tensor:
    """Return the input, or a normalised projection of it where the shape changes."""
    y = x
    if block.shortcut != "identity":
        y = block.norm(block.conv(x, "branch.0.0", block.stride), "branch.0.1")
    return block.gated(block.gated(y, "branch", "branch.1"), "stage", "recalibration")


def padded(x: Tensor, block: Block) -> Tensor:
    """Window means with as many channels of zeros before as after, or one less.

    Where channels are too many the outer ones are left out, before no fewer than after.
    """
    before = (block.out_channels - x.shape[1]) // 2

    def one(picture: Tensor) -> Tensor:
        pooled = naive.average_pool_windows(picture, block.stride)
        places = [channel - before for channel in range(block.out_channels)]
        nothing = torch.zeros_like(pooled[0])
        return torch.stack([pooled[p] if 0 <= p < len(pooled) else nothing for p in places])

    return naive.each_image(x, one)


def depthwise(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Convolve each channel with its own window ``[C, 1, k, k]``, zeros outside."""
    reach = weight.shape[2] // 2

    def one(picture: Tensor) -> Tensor:
        height, width = picture.shape[1:]
        rows = []
        for i in range(0, height, stride):
            row = []
            for j in range(0, width, stride):
                total = torch.zeros(len(picture), dtype=x.dtype)
                for a in range(-reach, reach + 1):
                    for b in range(-reach, reach + 1):
                        if 0 <= i + a < height and 0 <= j + b < width:
                            here = weight[:, 0, a + reach, b + reach]
                            total = total + here * picture[:, i + a, j + b]
                row.append(total)
            rows.append(row)
        return naive.image(rows)

    return naive.each_image(x, one)


def augmented(
    x: Tensor, weights: Weights, *, key_depth: int, heads: int, stride: int, downsample: bool
) -> Tensor:
    """An augmented convolution with relative positions, by the layer's own names."""

    def projection(name: str) -> tuple[Tensor, Tensor]:
        return weights[f"{name}.weight"][:, :, 0, 0], weights[f"{name}.bias"]

    return naive_layers.augmented_convolution_layer(
        x,
        weights.get("conv.weight"),
        projection("qkv"),
        projection("mix_heads"),
        naive.position_sum(weights["row_embedding"], weights["column_embedding"]),
        encoding="relative",
        key_depth=key_depth,
        heads=heads,
        stride=stride,
        downsample=downsample,
    )


def under(weights: Weights, part: str) -> dict[str, Tensor]:
    """The weights of one part, by the part's own names."""
    start = f"{part}."
    return {name[len(start) :]: w for name, w in weights.items() if name.startswith(start)}
