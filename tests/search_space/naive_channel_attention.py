"""Oracles of channel attention: loops over images and pixels, from the papers' equations.

They share no code with ``search_space``. ``weights`` are a module's parameters and statistics by
its own names; each function is ``[B, C, H, W] -> [B, C, H, W]``, for float64 and tiny maps.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tests.search_space.naive import Grid, image, pixels, pointwise

Weights = Mapping[str, Tensor]


def squeeze_excitation(x: Tensor, weights: Weights) -> Tensor:
    """Hu et al. 2018 (SE), equations 2 to 4."""
    return torch.stack(
        [scaled(one, logistic(perceptron(mean_of(pixels(one)), weights))) for one in x]
    )


def gather_excite(x: Tensor, weights: Weights) -> Tensor:
    """Hu et al. 2018 (GE), parameter-free, global."""
    return torch.stack([scaled(one, logistic(mean_of(pixels(one)))) for one in x])


def bottleneck_attention(x: Tensor, weights: Weights, *, dilation: int, training: bool) -> Tensor:
    """Park et al. 2018, equations 1 to 4, normalised after each hidden layer."""
    hidden = [
        weights["channel.0.weight"] @ mean_of(pixels(one)) + weights["channel.0.bias"] for one in x
    ]
    hidden = normalised(hidden, weights, "channel.1", training)
    channel = [
        weights["channel.3.weight"] @ rectified(vector) + weights["channel.3.bias"]
        for vector in hidden
    ]
    grids = [pixels(one) for one in x]
    for layer in (0, 3, 6):
        weight, bias = weights[f"spatial.{layer}.weight"], weights[f"spatial.{layer}.bias"]
        grids = [dilated(grid, weight, bias, dilation) for grid in grids]
        vectors = [vector for grid in grids for row in grid for vector in row]
        flat = iter(normalised(vectors, weights, f"spatial.{layer + 1}", training))
        grids = [[[rectified(next(flat)) for _ in row] for row in grid] for grid in grids]
    last, last_bias = weights["spatial.9.weight"][:, :, 0, 0], weights["spatial.9.bias"]
    out = []
    for one, gate, grid in zip(x, channel, grids, strict=True):
        spatial = pointwise(grid, last, last_bias)
        rows = [
            [vector * (1 + logistic(gate + there)) for vector, there in zip(*pair, strict=True)]
            for pair in zip(pixels(one), spatial, strict=True)
        ]
        out.append(image(rows))
    return torch.stack(out)


def block_attention(x: Tensor, weights: Weights, *, training: bool) -> Tensor:
    """Woo et al. 2018, equations 1 to 3."""
    after, maps = [], []
    for one in x:
        grid = pixels(one)
        logits = perceptron(mean_of(grid), weights) + perceptron(largest_of(grid), weights)
        after.append(scaled(one, logistic(logits)))
        both = [
            [torch.stack([largest(v), v.sum() / len(v)]) for v in row] for row in pixels(after[-1])
        ]
        maps.append(dilated(both, weights["conv.weight"], torch.zeros(1, dtype=x.dtype), 1))
    vectors = [vector for grid in maps for row in grid for vector in row]
    flat = iter(normalised(vectors, weights, "norm", training))
    return torch.stack(
        [
            image([[vector * logistic(next(flat)) for vector in row] for row in pixels(one)])
            for one in after
        ]
    )


def global_local_attention(x: Tensor, weights: Weights) -> Tensor:
    """Linsley et al. 2019: tanh(a (G + L) + m G L), the sum and the product made as written."""
    out = []
    for one in x:
        grid = pixels(one)
        overall = perceptron(mean_of(grid), weights)
        hidden = pointwise(grid, weights["local.0.weight"][:, :, 0, 0], weights["local.0.bias"])
        hidden = [[rectified(vector) for vector in row] for row in hidden]
        local = pointwise(hidden, weights["local.2.weight"][:, :, 0, 0], weights["local.2.bias"])
        rows = []
        for row, there in zip(grid, local, strict=True):
            gates = [
                weights["additive"] * (overall + here) + weights["multiplicative"] * overall * here
                for here in there
            ]
            rows.append([v * torch.tanh(gate) for v, gate in zip(row, gates, strict=True)])
        out.append(image(rows))
    return torch.stack(out)


def perceptron(vector: Tensor, weights: Weights) -> Tensor:
    """Linear, ReLU, linear."""
    hidden = weights["perceptron.0.weight"] @ vector + weights["perceptron.0.bias"]
    return weights["perceptron.2.weight"] @ rectified(hidden) + weights["perceptron.2.bias"]


def normalised(vectors: list[Tensor], weights: Weights, name: str, training: bool) -> list[Tensor]:
    """Normalise all vectors, by their own statistics if ``training``."""
    mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    if training:
        mean = sum(vectors[1:], start=vectors[0]) / len(vectors)
        squares = [(vector - mean) ** 2 for vector in vectors]
        variance = sum(squares[1:], start=squares[0]) / len(vectors)
    scale = weights[f"{name}.weight"] / torch.sqrt(variance + 1e-5)
    return [(vector - mean) * scale + weights[f"{name}.bias"] for vector in vectors]


def dilated(grid: Grid, weight: Tensor, bias: Tensor, dilation: int) -> Grid:
    """A convolution of weight ``[C_out, C_in, k, k]``, zeros outside the map."""
    reach = weight.shape[2] // 2
    rows = []
    for i in range(len(grid)):
        row = []
        for j in range(len(grid[0])):
            total = bias
            for a in range(-reach, reach + 1):
                for b in range(-reach, reach + 1):
                    y, z = i + a * dilation, j + b * dilation
                    if 0 <= y < len(grid) and 0 <= z < len(grid[0]):
                        total = total + weight[:, :, a + reach, b + reach] @ grid[y][z]
            row.append(total)
        rows.append(row)
    return rows


def mean_of(grid: Grid) -> Tensor:
    """Average all pixels' vectors."""
    vectors = [vector for row in grid for vector in row]
    return sum(vectors[1:], start=vectors[0]) / len(vectors)


def largest_of(grid: Grid) -> Tensor:
    """Return each channel's maximum over all pixels."""
    vectors = [vector for row in grid for vector in row]
    return torch.stack([largest(torch.stack(values)) for values in zip(*vectors, strict=True)])


def largest(values: Tensor) -> Tensor:
    """Return the largest of a vector's numbers."""
    return values[max(range(len(values)), key=lambda index: float(values[index].detach()))]


def scaled(one: Tensor, gate: Tensor) -> Tensor:
    """Return ``[C, H, W]``, each pixel's vector times ``gate``."""
    return image([[vector * gate for vector in row] for row in pixels(one)])


def rectified(vector: Tensor) -> Tensor:
    """ReLU."""
    return torch.stack([value if float(value.detach()) > 0 else 0 * value for value in vector])


def logistic(x: Tensor) -> Tensor:
    """The sigmoid."""
    return 1 / (1 + torch.exp(-x))
