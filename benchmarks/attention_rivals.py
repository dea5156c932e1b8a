"""Other ways to compute the papers' attention, written or called for the comparison alone.

Each is what one would write without kernels of one's own: correct, differentiable and without
needless work. The benchmark compares output and gradients with the reference before it times them.

Legend: B batch, h heads, d key width of a head, e value width, H x W the map, N = H W, k extent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from search_space.attention import AttentionInputs
from search_space.attention.operands import split_position_query

Rival = Callable[[AttentionInputs], Tensor]
"""A function of a layer's inputs to its operator; it returns ``[B, h, e, H, W]``."""


def unfold(inputs: AttentionInputs) -> Tensor:
    """Local attention over windows that are copied out, k^2 times the keys and the values.

    Of the forms tried the fastest: windows by ``Tensor.unfold``, and products of small matrices.
    """
    q, k, v, rows, columns, scale, extent, _ = _complete(inputs)
    assert extent
    height, width = q.shape[3:]
    keys, values = _windows(k, extent), _windows(v, extent)
    flat = (q * scale).flatten(3)
    of_row, of_column = split_position_query(flat, rows)
    by_row = torch.einsum("bhdn,hkd->bhnk", of_row, rows)
    by_column = torch.einsum("bhdn,hkd->bhnk", of_column, columns)
    position = (by_row[..., None] + by_column[..., None, :]).flatten(3)
    logits = (flat.transpose(2, 3)[:, :, :, None] @ keys)[:, :, :, 0] + position
    outside = ~_inside(extent, height, width, q.device)
    weights = logits.masked_fill(outside, -torch.inf).softmax(3)
    attended = (values @ weights[..., None])[..., 0]
    return attended.transpose(2, 3).unflatten(3, (height, width))


def flex(inputs: AttentionInputs) -> Tensor:
    """Local attention by PyTorch's FlexAttention, compiled for this map.

    Compiled is that alone: where the logits of position were compiled with it (PyTorch 2.13, CPU),
    the output was wrong.
    """
    q, k, v, rows, columns, scale, extent, _ = _complete(inputs)
    height, width = q.shape[3:]
    radius, last = extent // 2, extent - 1
    of_row, of_column = split_position_query((q * scale).flatten(3), rows)
    by_row = torch.einsum("bhdn,hkd->bhnk", of_row, rows).contiguous()
    by_column = torch.einsum("bhdn,hkd->bhnk", of_column, columns).contiguous()

    def positioned(
        score: Tensor, batch: Tensor, head: Tensor, query: Tensor, key: Tensor
    ) -> Tensor:
        down = (key // width - query // width + radius).clamp(0, last)
        right = (key % width - query % width + radius).clamp(0, last)
        return score + by_row[batch, head, query, down] + by_column[batch, head, query, right]

    attended = _flex_compiled()(
        *(x.flatten(3).transpose(2, 3).contiguous() for x in (q, k, v)),
        score_mod=positioned,
        block_mask=_flex_mask(extent, height, width, q.device),
        scale=scale,
    )
    return attended.transpose(2, 3).unflatten(3, (height, width))


def neighbourhood(inputs: AttentionInputs) -> Tensor:
    """natten's kernel: another operator, without positions and with windows moved off the border.

    ``neighborhood attention``, as its package ``natten`` has it; it is not compared with the
    reference.
    """
    from natten.functional import na2d  # noqa: PLC0415 - seldom installed

    q, k, v, *_ = _complete(inputs)
    pixels = (x.permute(0, 3, 4, 1, 2).contiguous() for x in (q, k, v))
    attended: Tensor = na2d(*pixels, kernel_size=inputs.extent, scale=inputs.scale)
    return attended.permute(0, 3, 4, 1, 2)


def has_natten() -> bool:
    """Whether :func:`neighbourhood` can be tried here."""
    return find_spec("natten") is not None


def relative_to_absolute(inputs: AttentionInputs) -> Tensor:
    """Global attention as AACN's appendix A.3 spells it: pad and reshape, tile, softmax."""
    q, k, v, rows, columns, scale, *_ = _complete(inputs)
    height, width = q.shape[3:]
    scaled = q * scale
    content = scaled.flatten(3).transpose(2, 3) @ k.flatten(3)
    by_column = _absolute(torch.einsum("bhdyx,md->bhyxm", scaled, columns[0]))  # [B, h, H, W, W]
    by_column = by_column[:, :, :, None].repeat(1, 1, 1, height, 1, 1).transpose(3, 4)
    by_row = _absolute(torch.einsum("bhdyx,md->bhxym", scaled, rows[0]))  # [B, h, W, H, H]
    by_row = by_row[:, :, :, None].repeat(1, 1, 1, width, 1, 1).permute(0, 1, 4, 2, 5, 3)
    pairs = (*q.shape[:2], height * width, height * width)
    weights = (content + by_column.reshape(pairs) + by_row.reshape(pairs)).softmax(-1)
    return (weights @ v.flatten(3).transpose(2, 3)).transpose(2, 3).unflatten(3, (height, width))


def biased_product(inputs: AttentionInputs) -> Tensor:
    """Global attention by ``scaled_dot_product_attention``, the logits of position its mask."""
    q, k, v, rows, columns, scale, *_ = _complete(inputs)
    height, width = q.shape[3:]
    y, x = (_offsets(length, q.device) for length in (height, width))
    by_row = torch.einsum("bhdyx,ytd->bhyxt", q, rows[0][y])
    by_column = torch.einsum("bhdyx,xsd->bhyxs", q, columns[0][x])
    bias = (by_row[..., None] + by_column[..., None, :]) * scale
    query, key, value = (t.flatten(3).transpose(2, 3) for t in (q, k, v))
    attended = F.scaled_dot_product_attention(
        query, key, value, attn_mask=bias.flatten(4).flatten(2, 3), scale=scale
    )
    return attended.transpose(2, 3).unflatten(3, (height, width))


def _complete(inputs: AttentionInputs) -> Any:
    """Nothing in it is None, as the layers that are compared have it."""
    assert all(each is not None for each in inputs[:5])
    return inputs


def _windows(x: Tensor, extent: int) -> Tensor:
    """``[B, h, d, H, W]`` to ``[B, h, N, d, k^2]``, zero off the map."""
    beside = extent // 2
    padded = F.pad(x.permute(0, 1, 3, 4, 2), (0, 0, beside, beside, beside, beside))
    windows = padded.unfold(2, extent, 1).unfold(3, extent, 1)
    return windows.flatten(2, 3).flatten(4)


@cache
def _inside(extent: int, height: int, width: int, device: torch.device) -> Tensor:
    """Mark the keys of each query that are on the map, ``[N, k^2]``."""
    ones = torch.ones(1, 1, 1, height, width, device=device)
    return _windows(ones, extent)[0, 0, :, 0] > 0


@cache
def _offsets(length: int, device: torch.device) -> Tensor:
    """Row of a table for each query and key, ``[length, length]``."""
    places = torch.arange(length, device=device)
    return places - places[:, None] + length - 1


def _absolute(relative: Tensor) -> Tensor:
    """Turn offsets ``[..., L, 2 L - 1]`` into keys ``[..., L, L]``, by a shifting reshape."""
    length = relative.shape[-2]
    filled = F.pad(relative, (0, 1)).flatten(-2)
    shifted = F.pad(filled, (0, length - 1)).unflatten(-1, (length + 1, 2 * length - 1))
    return shifted[..., :length, length - 1 :]


@cache
def _flex_compiled() -> Callable[..., Tensor]:
    from torch.nn.attention.flex_attention import flex_attention  # noqa: PLC0415 - slow

    torch._dynamo.config.recompile_limit = 64  # once for each map, with gradients and without
    return torch.compile(flex_attention, dynamic=False)


@cache
def _flex_mask(extent: int, height: int, width: int, device: torch.device) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask  # noqa: PLC0415 - slow

    def near(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        down, right = key // width - query // width, key % width - query % width
        return (down.abs() <= extent // 2) & (right.abs() <= extent // 2)

    pixels = height * width
    return create_block_mask(near, None, None, pixels, pixels, device=str(device))
