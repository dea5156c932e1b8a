"""Oracles: every primitive and stem as loops over pixels, written from the papers' equations.

They share no code with ``search_space``. Each is made of torch scalars and vectors, so autograd
gives the gradients of the oracle as well; they are meant for float64 and tiny maps.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Grid = list[list[Tensor]]  # [y][x], a vector of channels each


def pixels(image: Tensor) -> Grid:
    """``[C, H, W]`` to the vector of each pixel."""
    return [[image[:, y, x] for x in range(image.shape[2])] for y in range(image.shape[1])]


def image(grid: Grid) -> Tensor:
    """The inverse of :func:`pixels`."""
    return torch.stack([torch.stack(row, dim=1) for row in grid], dim=1)


def each_image(x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """``function`` on every image of a batch by itself."""
    return torch.stack([function(x[b]) for b in range(x.shape[0])])


def softmax(logits: list[Tensor]) -> list[Tensor]:
    """Of scalars."""
    largest = max(float(logit.detach()) for logit in logits)
    raised = [torch.exp(logit - largest) for logit in logits]
    total = sum(raised[1:], start=raised[0])
    return [one / total for one in raised]


def weighted_sum(weights: list[Tensor], vectors: list[Tensor]) -> Tensor:
    """Of vectors, by scalars."""
    total = weights[0] * vectors[0]
    for weight, vector in zip(weights[1:], vectors[1:], strict=True):
        total = total + weight * vector
    return total


def pointwise(grid: Grid, matrix: Tensor, bias: Tensor | None = None) -> Grid:
    """One linear map ``[C_out, C_in]`` at every pixel."""
    return [[matrix @ x if bias is None else matrix @ x + bias for x in row] for row in grid]


def convolution(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """SASA equation 1 on ``[B, C, H, W]``, zeros outside; weight ``[C_out, C_in, k, k]``."""
    kernel = weight.shape[2]

    def one(picture: Tensor) -> Tensor:
        height, width = picture.shape[1:]
        rows = []
        for i in range(0, height, stride):
            row = []
            for j in range(0, width, stride):
                total = torch.zeros(weight.shape[0], dtype=x.dtype)
                for a in range(kernel):
                    for b in range(kernel):
                        y, z = i + a - kernel // 2, j + b - kernel // 2
                        if 0 <= y < height and 0 <= z < width:
                            total = total + weight[:, :, a, b] @ picture[:, y, z]
                row.append(total)
            rows.append(row)
        return image(rows)

    return each_image(x, one)


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    position: Callable[[int, int, int], Tensor] | None,
    radius: int | None = None,
    border: str = "masked",
) -> Tensor:
    """Scaled queries, keys ``[h, d, H, W]`` and values ``[h, e, H, W]`` to ``[h, e, H, W]``.

    ``position(head, down, right)`` is the embedding of a key that lies so far from the query;
    ``radius`` bounds both distances. Keys off the map are left out, or are zeros.
    """
    heads, depth, height, width = q.shape
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


def position_sum(rows: Tensor, columns: Tensor) -> Callable[[int, int, int], Tensor]:
    """AACN: the row's embedding plus the column's, tables ``[1 or h, 2 L - 1, d]``."""

    def position(head: int, down: int, right: int) -> Tensor:
        return (
            rows[head % rows.shape[0], down + rows.shape[1] // 2]
            + columns[head % columns.shape[0], right + columns.shape[1] // 2]
        )

    return position


def position_concatenation(rows: Tensor, columns: Tensor) -> Callable[[int, int, int], Tensor]:
    """SASA: the row's embedding beside the column's, tables ``[1 or h, k, half of d]``."""

    def position(head: int, down: int, right: int) -> Tensor:
        row = rows[head % rows.shape[0], down + rows.shape[1] // 2]
        column = columns[head % columns.shape[0], right + columns.shape[1] // 2]
        return torch.cat([row, column])

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
    """``[C, h, w]`` resized to height x width; pixel centres at halves, edges extended."""

    def between(index: int, new: int, old: int) -> tuple[int, int, float]:
        at = max((index + 0.5) * old / new - 0.5, 0.0)
        low = min(int(at), old - 1)
        return low, min(low + 1, old - 1), at - low

    grid = pixels(picture)
    rows = []
    for i in range(height):
        up, down, share = between(i, height, picture.shape[1])
        row = []
        for j in range(width):
            left, right, part = between(j, width, picture.shape[2])
            upper = (1 - part) * grid[up][left] + part * grid[up][right]
            lower = (1 - part) * grid[down][left] + part * grid[down][right]
            row.append((1 - share) * upper + share * lower)
        rows.append(row)
    return image(rows)


def local_attention_layer(
    x: Tensor,
    matrices: tuple[Tensor, Tensor, Tensor],
    tables: tuple[Tensor, Tensor] | None,
    *,
    heads: int,
    extent: int,
    scaled: bool,
    border: str,
    stride: int,
) -> Tensor:
    """SASA section 2.2 with equation 3, then the stride as average pooling (3.1)."""

    def one(picture: Tensor) -> Tensor:
        grid = pixels(picture)
        q, k, v = (
            image(pointwise(grid, matrix)).reshape(heads, -1, *picture.shape[1:])
            for matrix in matrices
        )
        if scaled:
            q = q / q.shape[1] ** 0.5
        position = None if tables is None else position_concatenation(*tables)
        out = attention(q, k, v, position, extent // 2, border)
        return average_pool_windows(out.reshape(-1, *picture.shape[1:]), stride)

    return each_image(x, one)


def augmented_convolution_layer(
    x: Tensor,
    weight: Tensor | None,
    qkv: tuple[Tensor, Tensor],
    mix: tuple[Tensor, Tensor],
    tables: tuple[Tensor, Tensor] | None,
    *,
    key_depth: int,
    heads: int,
    stride: int,
    downsample: bool,
) -> Tensor:
    """AACN section 3.2 and appendix A.3; (matrix, bias) each for ``qkv`` and ``mix``."""

    def attend(picture: Tensor) -> Tensor:
        height, width = picture.shape[1:]
        for step in [stride] * (stride > 1) + [2] * downsample:
            picture = average_pool_three(picture, step)
        hw = picture.shape[1:]
        joint = image(pointwise(pixels(picture), *qkv))
        q, k, v = joint[:key_depth], joint[key_depth : 2 * key_depth], joint[2 * key_depth :]
        q, k, v = (part.reshape(heads, -1, *hw) for part in (q, k, v))
        q = q / (key_depth / heads) ** 0.5
        position = None if tables is None else position_sum(*tables)
        joined = attention(q, k, v, position).reshape(-1, *hw)
        mixed = image(pointwise(pixels(joined), *mix))
        return bilinear(mixed, -(-height // stride), -(-width // stride)) if downsample else mixed

    attended = each_image(x, attend)
    if weight is None:
        return attended
    return torch.cat([convolution(x, weight, stride), attended], dim=1)


def batch_norm(x: Tensor, norm: torch.nn.BatchNorm2d) -> Tensor:
    """By the batch's own statistics in training, by the running ones in evaluation."""
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


def convolution_stem(
    x: Tensor, weight: Tensor, norm: torch.nn.BatchNorm2d, *, stride: int, pool: bool
) -> Tensor:
    """Convolution, batch normalisation, ReLU and 3x3 max pooling of stride 2."""
    x = torch.relu(batch_norm(convolution(x, weight, stride), norm))
    return each_image(x, lambda picture: max_pool(picture, 3, 2, 1)) if pool else x


def attention_stem(
    x: Tensor,
    query_key: tuple[Tensor, Tensor],
    values: list[Tensor],
    embeddings: tuple[Tensor, Tensor, Tensor],
    norm: torch.nn.BatchNorm2d,
    *,
    block: int,
    heads: int,
) -> Tensor:
    """SASA equations 7 to 9 inside each block (its row, column and mixture embeddings)."""
    row_embedding, column_embedding, mixture_embedding = embeddings
    query, key = query_key

    def value_matrix(a: int, b: int) -> Tensor:
        place = row_embedding[a] + column_embedding[b]
        shares = softmax([place @ mixture for mixture in mixture_embedding])
        return weighted_sum(shares, values)

    def one(picture: Tensor) -> Tensor:
        height, width = picture.shape[1:]
        grid = pixels(picture)
        out: list[list[Tensor | None]] = [[None] * width for _ in range(height)]
        for top in range(0, height, block):
            for left in range(0, width, block):
                places = [(a, b) for a in range(block) for b in range(block)]
                tokens = [grid[top + a][left + b] for a, b in places]
                q = [query @ token for token in tokens]
                k = [key @ token for token in tokens]
                v = [value_matrix(*at) @ token for at, token in zip(places, tokens, strict=True)]
                d = q[0].shape[0] // heads
                for index, (a, b) in enumerate(places):
                    parts = []
                    for head in range(heads):
                        own = slice(head * d, (head + 1) * d)
                        logits = [q[index][own] @ other[own] / d**0.5 for other in k]
                        parts.append(weighted_sum(softmax(logits), [each[own] for each in v]))
                    out[top + a][left + b] = torch.cat(parts)
        return image([[pixel for pixel in row if pixel is not None] for row in out])

    normalised = batch_norm(each_image(x, one), norm)
    return each_image(normalised, lambda picture: max_pool(picture, block, block, 0))
