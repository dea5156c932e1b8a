"""Attention inside blocks, which is global attention with blocks as images, against the loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from search_space.attention import block_attention, global_attention
from search_space.attention.blocks import from_blocks, to_blocks
from tests.search_space import naive
from tests.search_space.comparison import gradients, normal

HEADS, DEPTH, VALUE_DEPTH = 2, 4, 3
WIDTHS = {"sum": (DEPTH, DEPTH), "concatenation": (1, DEPTH - 1)}


def leaves_of(hw: tuple[int, int], block: int, kind: str, *, shared: bool = False) -> list[Tensor]:
    """q, k, v and, but for ``none``, the tables."""
    maps = [
        normal(2, HEADS, depth, *hw, seed=seed).requires_grad_()
        for seed, depth in enumerate((DEPTH, DEPTH, VALUE_DEPTH))
    ]
    tables = [
        normal(1 if shared else HEADS, 2 * block - 1, width, seed=5 + seed).requires_grad_()
        for seed, width in enumerate(WIDTHS.get(kind, ()))
    ]
    return maps + tables


def oracle(q: Tensor, k: Tensor | None, v: Tensor, tables: list[Tensor], block: int) -> Tensor:
    position = None
    if tables:
        summed = tables[0].shape[2] == tables[1].shape[2]
        position = (naive.position_sum if summed else naive.position_concatenation)(*tables)
    return torch.stack(
        [
            naive.block_attention(q[b], None if k is None else k[b], v[b], position, block)
            for b in range(q.shape[0])
        ]
    )


@pytest.mark.parametrize("content", [True, False])
@pytest.mark.parametrize(
    ("hw", "block", "kind", "shared"),
    [
        ((4, 6), 2, "concatenation", False),
        ((4, 8), 4, "sum", True),
        ((3, 3), 3, "concatenation", True),  # one block is the whole map
        ((3, 9), 3, "sum", False),
        ((2, 3), 1, "concatenation", False),
        ((4, 6), 2, "none", False),
    ],
)
def test_block_attention(
    hw: tuple[int, int], block: int, kind: str, shared: bool, content: bool
) -> None:
    q, k, v, *tables = leaves_of(hw, block, kind, shared=shared)
    if not content and not tables:
        with pytest.raises(ValueError, match="needs rows and columns"):
            block_attention(q, None, v, block=block)
        return
    keys = k if content else None
    out = block_attention(q, keys, v, *tables, block=block)
    expected = oracle(q, keys, v, tables, block)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-11)
    leaves = [q, *([k] if content else []), v, *tables]
    torch.testing.assert_close(
        gradients(out, leaves), gradients(expected, leaves), rtol=1e-9, atol=1e-10
    )


def test_one_block_is_global_attention() -> None:
    q, k, v, *tables = leaves_of((4, 4), 4, "sum")
    wanted = global_attention(q, k, v, *tables)
    torch.testing.assert_close(block_attention(q, k, v, *tables, block=4), wanted)


def test_blocks_do_not_see_each_other() -> None:
    q, k, v, *tables = leaves_of((4, 6), 2, "concatenation")
    out = block_attention(q, k, v, *tables, block=2)
    slopes = torch.autograd.grad(out[..., 2:4, 4:6].sum(), [q, k, v])
    seen = sum(slope.abs().sum((0, 1, 2)) for slope in slopes) > 0
    wanted = torch.zeros(4, 6, dtype=torch.bool)
    wanted[2:4, 4:6] = True
    assert torch.equal(seen, wanted)


def test_folding_is_undone() -> None:
    x = normal(2, 3, 4, 6, 9)
    blocks = to_blocks(x, 3)
    assert blocks.shape == (2 * 2 * 3, 3, 4, 3, 3)
    torch.testing.assert_close(blocks[1], x[0, :, :, 0:3, 3:6])  # along the row first
    torch.testing.assert_close(blocks[3 + 2], x[0, :, :, 3:6, 6:9])
    back = from_blocks(blocks, x)
    assert back.is_contiguous()
    assert torch.equal(back, x)


@pytest.mark.parametrize(("hw", "block"), [((2, 4), 2), ((3, 3), 3)])
def test_gradcheck(hw: tuple[int, int], block: int) -> None:
    def one(leaf: Tensor) -> Tensor:
        part = leaf[:1, :1] if leaf.dim() == 5 else leaf[:1]
        return part.detach().requires_grad_()

    q, k, v, *tables = map(one, leaves_of(hw, block, "concatenation"))
    assert torch.autograd.gradcheck(
        lambda *leaves: block_attention(*leaves, block=block), (q, k, v, *tables)
    )
    assert torch.autograd.gradcheck(
        lambda q, *others: block_attention(q, None, *others, block=block), (q, v, *tables)
    )


def test_the_layout_does_not_matter() -> None:
    q, k, v, *tables = leaves_of((4, 6), 2, "concatenation")
    wanted = block_attention(q, k, v, *tables, block=2)
    maps = [
        part.flatten(1, 2).to(memory_format=torch.channels_last).unflatten(1, (HEADS, -1))
        for part in (q, k, v)
    ]
    torch.testing.assert_close(block_attention(*maps, *tables, block=2), wanted)


def test_scale_is_a_factor_of_the_queries() -> None:
    q, k, v, *tables = leaves_of((4, 6), 2, "sum")
    wanted = block_attention(0.3 * q, k, v, *tables, block=2)
    torch.testing.assert_close(block_attention(q, k, v, *tables, block=2, scale=0.3), wanted)
    assert not torch.allclose(block_attention(q, k, v, *tables, block=2), wanted)


def test_empty_batch() -> None:
    q, k, v = (leaf[:0] for leaf in leaves_of((4, 6), 2, "none"))
    assert block_attention(q, k, v, block=2).shape == (0, HEADS, VALUE_DEPTH, 4, 6)


def test_errors_name_the_sizes() -> None:
    q, k, v, *tables = leaves_of((4, 6), 2, "concatenation")
    for block in (0, 3, 4, 5):
        with pytest.raises(ValueError, match=f"got block={block}, map 4x6"):
            block_attention(q, k, v, *tables, block=block)
    with pytest.raises(ValueError, match=r"must have \(1, 1\) rows"):
        block_attention(q, k, v, *tables, block=1)
