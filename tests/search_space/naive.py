"""Parts of the oracles: the papers' operators as loops over pixels.

They share no code with ``search_space``. Each is made of torch scalars and vectors, so autograd
gives the gradients of the oracle as well; they are meant for float64 and tiny maps. The primitives
and stems themselves are in :mod:`tests.search_space.naive_layers`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Grid = list[list[Tensor]]  # [y][x], a vector of channels each
Position = Callable[[int, int, int], Tensor]
"""(head, down, right): the embedding of a key that lies so far from the query."""


def pixels(image: Tensor) -> Grid:
    """Cut ``[C, H, W]`` into the vector of each pixel."""
    return [[image[:, y, x] for x in range(image.shape[2])] for y in range(image.shape[1])]


def image(grid: Grid) -> Tensor:
    """Invert :func:`pixels`."""
    return torch.stack([torch.stack(row, dim=1) for row in grid], dim=1)


def each_image(x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply ``function`` to every image of a batch by itself."""
    return torch.stack([function(x[b]) for b in range(x.shape[0])])


def softmax(logits: list[Tensor]) -> list[Tensor]:
    """Compute the softmax of scalars."""
    largest = max(float(logit.detach()) for logit in logits)
    raised = [torch.exp(logit - largest) for logit in logits]
    total = sum(raised[1:], start=raised[0])
    return [one / total for one in raised]


def weighted_sum(weights: list[Tensor], vectors: list[Tensor]) -> Tensor:
    """Add vectors up, each times its scalar weight."""
    total = weights[0] * vectors[0]
    for weight, vector in zip(weights[1:], vectors[1:], strict=True):
        total = total + weight * vector
    return total


def pointwise(grid: Grid, matrix: Tensor, bias: Tensor | None = None) -> Grid:
    """Apply one linear map ``[C_out, C_in]`` at every pixel."""
    return [[matrix @ x if bias is None else matrix @ x + bias for x in row] for row in grid]


def convolution(x: Tensor, weight: Tensor, stride: int, before: int | None = None) -> Tensor:
    """SASA equation 1 on ``[B, C, H, W]``, zeros outside; weight ``[C_out, C_in, k, k]``.

    ``before`` is how far the window reaches before its pixel; without it the window is centred.
    """
    kernel = weight.shape[2]
    reach = kernel // 2 if before is None else before

    def one(picture: Tensor) -> Tensor:
        height, width = picture.shape[1:]
        rows = []
        for i in range(0, height, stride):
            row = []
            for j in range(0, width, stride):
                total = torch.zeros(weight.shape[0], dtype=x.dtype)
                for a in range(kernel):
                    for b in range(kernel):
                        y, z = i + a - reach, j + b - reach
                        if 0 <= y < height and 0 <= z < width:
                            total = total + weight[:, :, a, b] @ picture[:, y, z]
                row.append(total)
            rows.append(row)
        return image(rows)

    return each_image(x, one)


def attention(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    position: Position | None,
    radius: int | None = None,
    border: str = "masked",
) -> Tensor:
    """Scaled queries, keys ``[h, d, H, W]`` and values ``[h, e, H, W]`` to ``[h, e, H, W]``.

    ``radius`` bounds both distances. Keys off the map are left out, or are zeros; without ``k``
    they all are zeros.
    """
    heads, depth, height, width = q.shape
    k = torch.zeros_like(q) if k is None else k
    out = []
    for head in range(heads):
        queries, keys, values = pixels(q[head]), pixels(k[head]), pixels(v[head])
        no_key, no_value = q.new_zeros(depth), v.new_zeros(v.shape[1])
        rows = []
        for i in range(height):
            row = []
            for j in range(width):
                reach_down = range(height) if radius is None else range(i - radius, i + radius + 1)
                reach_right = range(width) if radius is None else range(j - radius, j + radius + 1)
                logits, seen = [], []
                for a in reach_down:
                    for b in reach_right:
                        inside = 0 <= a < height and 0 <= b < width
                        if not inside and border == "masked":
                            continue
                        key = keys[a][b] if inside else no_key
                        if position is not None:
                            key = key + position(head, a - i, b - j)
                        logits.append(queries[i][j] @ key)
                        seen.append(values[a][b] if inside else no_value)
                row.append(weighted_sum(softmax(logits), seen))
            rows.append(row)
        out.append(image(rows))
    return torch.stack(out)


def block_attention(
    q: Tensor, k: Tensor | None, v: Tensor, position: Position | None, block: int
) -> Tensor:
    """:func:`attention` inside each block x block square by itself."""
    rows = []
    for top in range(0, q.shape[2], block):
        row = []
        for left in range(0, q.shape[3], block):
            here = (..., slice(top, top + block), slice(left, left + block))
            keys = None if k is None else k[here]
            row.append(attention(q[here], keys, v[here], position))
        rows.append(torch.cat(row, dim=3))
    return torch.cat(rows, dim=2)


def position_sum(rows: Tensor, columns: Tensor) -> Position:
    """AACN: the row's embedding plus the column's, tables ``[1 or h, 2 L - 1, d]``."""

    def position(head: int, down: int, right: int) -> Tensor:
        return (
            rows[head % rows.shape[0], down + rows.shape[1] // 2]
            + columns[head % columns.shape[0], right + columns.shape[1] // 2]
        )

    return position


def position_concatenation(rows: Tensor, columns: Tensor) -> Position:
    """SASA: the row's embedding beside the column's, tables ``[1 or h, k, half of d]``."""

    def position(head: int, down: int, right: int) -> Tensor:
        row = rows[head % rows.shape[0], down + rows.shape[1] // 2]
        column = columns[head % columns.shape[0], right + columns.shape[1] // 2]
        return torch.cat([row, column])

    return position


def position_across_heads(rows: Tensor, columns: Tensor, heads: int) -> Position:
    """SASA read literally: both of half the output's width, ``[1, k, half]``, then cut in heads."""
    whole = position_concatenation(rows, columns)

    def position(head: int, down: int, right: int) -> Tensor:
        embedding = whole(0, down, right)
        depth = embedding.shape[0] // heads
        return embedding[head * depth : (head + 1) * depth]

    return position


def average_pool_windows(picture: Tensor, step: int) -> Tensor:
    """The mean of each step x step window of ``[C, H, W]``, the last ones cut by the border."""
    height, width = picture.shape[1:]
    rows = []
    for top in range(0, height, step):
        row = []
        for left in range(0, width, step):
            there = [
                picture[:, y, x]
                for y in range(top, min(top + step, height))
                for x in range(left, min(left + step, width))
            ]
            row.append(sum(there[1:], start=there[0]) / len(there))
        rows.append(row)
    return image(rows)


def average_pool_three(picture: Tensor, step: int) -> Tensor:
    """The mean of the pixels within one of every step-th pixel of ``[C, H, W]``."""
    height, width = picture.shape[1:]
    rows = []
    for i in range(0, height, step):
        row = []
        for j in range(0, width, step):
            there = [
                picture[:, y, x]
                for y in range(max(i - 1, 0), min(i + 2, height))
                for x in range(max(j - 1, 0), min(j + 2, width))
            ]
            row.append(sum(there[1:], start=there[0]) / len(there))
        rows.append(row)
    return image(rows)


def bilinear(picture: Tensor, height: int, width: int) -> Tensor:
    """Interpolate ``[C, h, w]``, pixel (y, x) at (2 y, 2 x), to height x width; extend edges."""

    def between(index: int, count: int) -> tuple[int, int, float]:
        position = index / 2
        low = min(int(position), count - 1)
        return low, min(low + 1, count - 1), position - low

    grid = pixels(picture)
    rows = []
    for i in range(height):
        up, down, share = between(i, picture.shape[1])
        row = []
        for j in range(width):
            left, right, part = between(j, picture.shape[2])
            upper = (1 - part) * grid[up][left] + part * grid[up][right]
            lower = (1 - part) * grid[down][left] + part * grid[down][right]
            row.append((1 - share) * upper + share * lower)
        rows.append(row)
    return image(rows)


def batch_norm(x: Tensor, norm: torch.nn.BatchNorm2d) -> Tensor:
    """Normalise by the batch's own statistics in training, by the running ones in evaluation."""
    out = []
    for channel in range(x.shape[1]):
        values = x[:, channel]
        if norm.training:
            mean = values.sum() / values.numel()
            variance = ((values - mean) ** 2).sum() / values.numel()
        else:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            mean, variance = norm.running_mean[channel], norm.running_var[channel]
        centred = (values - mean) / (variance + norm.eps) ** 0.5
        out.append(centred * norm.weight[channel] + norm.bias[channel])
    return torch.stack(out, dim=1)


def max_pool(picture: Tensor, size: int, step: int, padding: int) -> Tensor:
    """The largest value of each window of ``[C, H, W]``, channel by channel."""
    height, width = picture.shape[1:]
    rows = []
    for i in range((height + 2 * padding - size) // step + 1):
        row = []
        for j in range((width + 2 * padding - size) // step + 1):
            there = [
                picture[:, y, x]
                for y in range(i * step - padding, i * step - padding + size)
                for x in range(j * step - padding, j * step - padding + size)
                if 0 <= y < height and 0 <= x < width
            ]
            row.append(torch.stack(there).max(dim=0).values)
        rows.append(row)
    return image(rows)
