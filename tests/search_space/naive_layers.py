"""Oracles: every primitive and stem as loops over pixels, written from the papers' equations.

Made of :mod:`tests.search_space.naive`, and as apart from ``search_space``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from tests.search_space import naive


def sine(channels: int, height: int, width: int) -> Tensor:
    """Vaswani et al. 2017's waves, ``[channels, H, W]``: of rows, of columns, zeros."""
    out = torch.zeros(channels, height, width, dtype=torch.float64)
    half = channels // 4 * 2  # channels of an axis
    for y in range(height):
        for x in range(width):
            for axis, place in enumerate((y, x)):
                for channel in range(half):
                    angle = place / 10_000 ** (channel // 2 * 2 / half)
                    wave = math.cos(angle) if channel % 2 else math.sin(angle)
                    out[axis * half + channel, y, x] = wave
    return out


def coordinates(height: int, width: int) -> Tensor:
    """Liu et al. 2018's x, y from -1 to 1 and distance from the centre, ``[3, H, W]``."""

    def place(index: int, length: int) -> float:
        return 2 * index / (length - 1) - 1 if length > 1 else 0.0

    out = torch.zeros(3, height, width, dtype=torch.float64)
    for i in range(height):
        for j in range(width):
            x, y = place(j, width), place(i, height)
            out[:, i, j] = torch.tensor([x, y, math.sqrt(x * x + y * y)], dtype=torch.float64)
    return out


def encoded(picture: Tensor, position: str) -> Tensor:
    """``[C, H, W]`` as the query, key and value projection sees it."""
    if position == "sine":
        return picture + sine(*picture.shape)
    if position == "coordconv":
        return torch.cat([picture, coordinates(*picture.shape[1:])])
    return picture


def local_attention_layer(
    x: Tensor,
    matrices: tuple[Tensor, Tensor | None, Tensor],
    position: naive.Position | None,
    *,
    encoding: str,
    heads: int,
    extent: int,
    scaled: bool,
    border: str,
    stride: int,
) -> Tensor:
    """SASA section 2.2 with equation 3, then the stride as average pooling (3.1).

    ``matrices`` are W_Q, W_K (none without the content term) and W_V; ``position`` is the relative
    embedding and ``encoding`` the absolute one.
    """

    def one(picture: Tensor) -> Tensor:
        grid = naive.pixels(encoded(picture, encoding))

        def projected(matrix: Tensor) -> Tensor:
            image = naive.image(naive.pointwise(grid, matrix))
            return image.reshape(heads, -1, *picture.shape[1:])

        q, v = projected(matrices[0]), projected(matrices[2])
        k = None if matrices[1] is None else projected(matrices[1])
        if scaled:
            q = q / q.shape[1] ** 0.5
        out = naive.attention(q, k, v, position, extent // 2, border)
        return naive.average_pool_windows(out.reshape(-1, *picture.shape[1:]), stride)

    return naive.each_image(x, one)


def augmented_convolution_layer(
    x: Tensor,
    weight: Tensor | None,
    qkv: tuple[Tensor, Tensor],
    mix: tuple[Tensor, Tensor],
    position: naive.Position | None,
    *,
    encoding: str,
    key_depth: int,
    heads: int,
    stride: int,
    downsample: bool,
) -> Tensor:
    """AACN section 3.2 and appendix A.3; (matrix, bias) each for ``qkv`` and ``mix``."""

    def attend(picture: Tensor) -> Tensor:
        height, width = picture.shape[1:]
        for step in [stride] * (stride > 1) + [2] * downsample:
            picture = naive.average_pool_three(picture, step)
        hw = picture.shape[1:]
        seen = naive.pixels(encoded(picture, encoding))
        joint = naive.image(naive.pointwise(seen, *qkv))
        q, k, v = joint[:key_depth], joint[key_depth : 2 * key_depth], joint[2 * key_depth :]
        q, k, v = (part.reshape(heads, -1, *hw) for part in (q, k, v))
        q = q / (key_depth / heads) ** 0.5
        joined = naive.attention(q, k, v, position).reshape(-1, *hw)
        mixed = naive.image(naive.pointwise(naive.pixels(joined), *mix))
        if downsample:
            mixed = naive.bilinear(mixed, -(-height // stride), -(-width // stride))
        return mixed

    attended = naive.each_image(x, attend)
    if weight is None:
        return attended
    return torch.cat([naive.convolution(x, weight, stride), attended], dim=1)


def convolution_stem(
    x: Tensor, weight: Tensor, norm: torch.nn.BatchNorm2d | None, *, stride: int, pool: bool
) -> Tensor:
    """Convolution, batch normalisation and ReLU if any, and 3x3 max pooling of stride 2."""
    x = naive.convolution(x, weight, stride)
    x = x if norm is None else torch.relu(naive.batch_norm(x, norm))
    return naive.each_image(x, lambda picture: naive.max_pool(picture, 3, 2, 1)) if pool else x


def attention_stem(
    x: Tensor,
    query_key: tuple[Tensor, Tensor],
    values: Callable[[Tensor], Tensor],
    position: naive.Position | None,
    norm: torch.nn.BatchNorm2d,
    *,
    block: int,
    heads: int,
) -> Tensor:
    """SASA section 3.2: attention inside each block, normalisation, max pooling of the block.

    ``values`` makes ``[B, width, H, W]`` of the images.
    """

    def one(picture: Tensor, made: Tensor) -> Tensor:
        hw = picture.shape[1:]
        grid = naive.pixels(picture)
        q, k = (
            naive.image(naive.pointwise(grid, matrix)).reshape(heads, -1, *hw)
            for matrix in query_key
        )
        v = made.reshape(heads, -1, *hw)
        return naive.block_attention(q / q.shape[1] ** 0.5, k, v, position, block).flatten(0, 1)

    attended = torch.stack([one(*each) for each in zip(x, values(x), strict=True)])
    normalised = naive.batch_norm(attended, norm)
    return naive.each_image(normalised, lambda picture: naive.max_pool(picture, block, block, 0))


def mixed_values(
    x: Tensor, matrices: list[Tensor], embeddings: tuple[Tensor, Tensor, Tensor], block: int
) -> Tensor:
    """SASA equations 8 and 9, with their row, column and mixture embeddings."""
    row_embedding, column_embedding, mixture_embedding = embeddings

    def value_matrix(a: int, b: int) -> Tensor:
        place = row_embedding[a] + column_embedding[b]
        shares = naive.softmax([place @ mixture for mixture in mixture_embedding])
        return naive.weighted_sum(shares, matrices)

    def one(picture: Tensor) -> Tensor:
        return naive.image(
            [
                [value_matrix(y % block, z % block) @ pixel for z, pixel in enumerate(row)]
                for y, row in enumerate(naive.pixels(picture))
            ]
        )

    return naive.each_image(x, one)
