"""A detector's pyramid and heads as loops over pixels, from the papers' text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from search_space.layers.local_attention import LocalAttention2d
from tests.search_space import naive
from tests.search_space.module_oracles import local_attention_oracle

Maps = list[Tensor]


def operator(module: nn.Module, stride: int, x: Tensor) -> Tensor:
    """A convolution, with its bias if it has one, or local attention with pooling."""
    if isinstance(module, nn.Conv2d):
        out = naive.convolution(x, module.weight, stride)
        return out if module.bias is None else out + module.bias[:, None, None]
    assert isinstance(module, LocalAttention2d)
    return local_attention_oracle(module, stride, x, x.shape[1])


def lateral(module: Any, x: Tensor, norm: Callable[[Tensor, Any], Tensor]) -> Tensor:
    """The 1x1 convolution, after normalisation and ReLU if they stand there."""
    *before, conv = module
    if before:
        x = norm(x, before[0]).clamp(min=0)
    return naive.each_image(
        x,
        lambda image: naive.image(
            naive.pointwise(naive.pixels(image), conv.weight[:, :, 0, 0], conv.bias)
        ),
    )


def pyramid(module: Any, features: Maps) -> Maps:
    """Lin et al. 2017 (FPN), Figure 3, then RetinaNet's further levels."""
    merged = [
        lateral(each, x, normalised) for each, x in zip(module.lateral, features, strict=True)
    ]
    for lower in reversed(range(len(merged) - 1)):
        below, above = merged[lower], merged[lower + 1]
        rows = [
            torch.stack(
                [below[..., i, j] + above[..., i // 2, j // 2] for j in range(below.shape[3])], -1
            )
            for i in range(below.shape[2])
        ]
        merged[lower] = torch.stack(rows, -2)
    maps = []
    for each, norm, x in zip(module.operators, module.norms, merged, strict=False):
        maps.append(normalised(operator(each, 1, x), norm))
    for index, each in enumerate(module.further):
        below = maps[-1].clamp(min=0) if index else maps[-1]
        maps.append(normalised(operator(each, 2, below), module.norms[len(maps)]))
    return maps


def head(module: Any, maps: Maps, anchors: int) -> Tensor:
    """Every level's predictions, one after the other: row, column, anchor, output."""
    values = []
    for x, norms in zip(maps, module.norms, strict=True):
        for each, norm in zip(module.operators, norms, strict=True):
            x = normalised(operator(each, 1, x), norm).clamp(min=0)  # noqa: PLW2901
        for each in module.predictor:
            x = operator(each, 1, x)  # noqa: PLW2901
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                for a in range(anchors):
                    first = a * module.outputs
                    values.append(x[:, first : first + module.outputs, i, j])
    return torch.stack(values, dim=1)


def normalised(x: Tensor, norm: nn.Module) -> Tensor:
    """Batch normalisation, or nothing."""
    return naive.batch_norm(x, norm) if isinstance(norm, nn.BatchNorm2d) else x
