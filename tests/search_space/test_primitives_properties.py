"""What must hold of the primitives whatever the numbers: symmetries, locality, rounding."""

from typing import Any

import pytest
import torch
from torch import nn

from search_space.attention import global_attention, local_attention
from search_space.attention.shifts import shifts_forward
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    AugmentedConvolutionRatios,
    Convolution,
    LocalAttention,
)
from tests.search_space.comparison import generator, normal, randomised


def augmented(position: Any = "none", value_depth: int = 8, **fields: Any) -> AugmentedConvolution:
    given_fields = {
        "kernel": 3,
        "key_depth": 8,
        "value_depth": value_depth,
        "heads": 2,
        "position": position,
        "downsample": False,
    }
    return AugmentedConvolution.model_validate(given_fields | fields)


# Symmetries


@pytest.mark.parametrize("position", ["none", "relative"])
def test_only_positions_break_permutation_equivariance(position: str) -> None:
    module = randomised(augmented(position).build(6, 8, 1, (4, 5)))
    x = normal(2, 6, 4, 5)
    order = torch.randperm(20, generator=generator())
    shuffled = x.flatten(2)[:, :, order].view_as(x)
    wanted = module(x).flatten(2)[:, :, order].view(2, 8, 4, 5)
    assert torch.allclose(module(shuffled), wanted, rtol=1e-9) == (position == "none")


@pytest.mark.parametrize("position", ["none", "relative"])
@pytest.mark.parametrize("extent", [1, 3, 5])
def test_local_attention_is_translation_equivariant_away_from_borders(
    extent: int, position: Any
) -> None:
    hw, radius, shift = (11, 12), extent // 2, (2, 1)
    spec = LocalAttention(extent=extent, heads=2, position=position)
    module = randomised(spec.build(6, 8, 1, hw))
    x = normal(1, 6, *hw)
    moved = torch.roll(x, shift, dims=(2, 3))
    rows = slice(radius + shift[0], hw[0] - radius)
    columns = slice(radius + shift[1], hw[1] - radius)
    before = torch.roll(module(x), shift, dims=(2, 3))
    torch.testing.assert_close(
        module(moved)[..., rows, columns], before[..., rows, columns], rtol=1e-9, atol=1e-10
    )


@pytest.mark.parametrize("border", ["masked", "zeros"])
def test_border_rules_differ_only_near_the_border(border: Any) -> None:
    hw, extent = (9, 11), 5
    q, k, v = (normal(1, 2, 4, *hw, seed=seed) for seed in range(3))
    masked = local_attention(q, k, v, extent=extent)
    other = local_attention(q, k, v, extent=extent, border=border)
    inner = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(other[inner], masked[inner], rtol=1e-10, atol=1e-11)
    assert torch.allclose(other, masked) == (border == "masked")


def test_reversed_tables_mirror_the_output() -> None:
    hw, extent = (6, 7), 5
    q, k, v = (normal(2, 2, 4, *hw, seed=seed) for seed in range(3))
    rows, columns = normal(2, extent, 2, seed=4), normal(2, extent, 2, seed=5)
    out = local_attention(q, k, v, rows, columns, extent=extent)
    for axis, tables in ((-2, (rows.flip(1), columns)), (-1, (rows, columns.flip(1)))):
        mirrored = local_attention(*(x.flip(axis) for x in (q, k, v)), *tables, extent=extent)
        torch.testing.assert_close(mirrored.flip(axis), out, rtol=1e-10, atol=1e-11)


def test_transposed_map_swaps_the_tables() -> None:
    q, k, v = (normal(2, 2, 4, 3, 5, seed=seed) for seed in range(3))
    rows, columns = normal(1, 5, 4, seed=4), normal(1, 9, 4, seed=5)
    out = global_attention(q, k, v, rows, columns)
    swapped = global_attention(*(x.transpose(-1, -2) for x in (q, k, v)), columns, rows)
    torch.testing.assert_close(swapped.transpose(-1, -2), out, rtol=1e-10, atol=1e-11)


# Local and global attention


@pytest.mark.parametrize("hw", [(4, 4), (3, 5), (1, 6)])
def test_extent_over_the_whole_map_is_global_attention(hw: tuple[int, int]) -> None:
    q, k, v = (normal(2, 2, 4, *hw, seed=seed) for seed in range(3))
    wanted = global_attention(q, k, v)
    for extent in (2 * max(hw) - 1, 2 * max(hw) + 5):
        torch.testing.assert_close(local_attention(q, k, v, extent=extent), wanted)
        by_shifts = shifts_forward(q, k, v, None, None, extent, "masked")[0]
        torch.testing.assert_close(by_shifts, wanted)


def test_on_a_square_map_both_use_one_table() -> None:
    q, k, v = (normal(2, 2, 4, 4, 4, seed=seed) for seed in range(3))
    tables = normal(1, 7, 4, seed=4), normal(1, 7, 4, seed=5)
    torch.testing.assert_close(
        local_attention(q, k, v, *tables, extent=7), global_attention(q, k, v, *tables)
    )


@pytest.mark.parametrize("border", ["masked", "zeros"])
def test_pixels_outside_the_window_have_no_influence(border: Any) -> None:
    hw, extent, at = (9, 11), 5, (2, 6)
    module = randomised(LocalAttention(extent=extent, heads=2, border=border).build(6, 8, 1, hw))
    x = normal(1, 6, *hw).requires_grad_()
    (slope,) = torch.autograd.grad(module(x)[0, :, at[0], at[1]].pow(2).sum(), x)
    seen = slope.abs().sum((0, 1)) > 0
    wanted = torch.zeros(hw, dtype=torch.bool)
    wanted[0:5, 4:9] = True
    assert torch.equal(seen, wanted)


@pytest.mark.parametrize("extent", [3, 7])
def test_attention_is_a_convex_combination_of_values(extent: int) -> None:
    q, k, v = (normal(2, 2, 4, 5, 8, seed=seed) for seed in range(3))
    lowest, highest = v.amin((-2, -1), keepdim=True), v.amax((-2, -1), keepdim=True)
    for out in (global_attention(q, k, v), local_attention(q, k, v, extent=extent)):
        assert bool(((out >= lowest) & (out <= highest)).all())
    constant = torch.ones_like(v)
    torch.testing.assert_close(local_attention(q, k, constant, extent=extent), constant)
    # Zeros beyond the border keep their share, so it is less there and the same inside.
    faded = local_attention(q, k, constant, extent=3, border="zeros")
    assert bool((faded[..., 0, :] < 1).all())
    torch.testing.assert_close(faded[..., 1:-1, 1:-1], constant[..., 1:-1, 1:-1])


def test_scaling_is_by_the_width_of_a_head() -> None:
    hw = (4, 5)
    scaled = randomised(LocalAttention(extent=3, heads=2).build(6, 8, 1, hw))
    plain = randomised(LocalAttention(extent=3, heads=2, scaled=False).build(6, 8, 1, hw))
    x = normal(1, 6, *hw)
    assert not torch.allclose(scaled(x), plain(x))
    assert isinstance(plain.qkv, nn.Conv2d)
    with torch.no_grad():
        plain.qkv.weight[:8] /= 2  # the queries' rows, by the square root of 4
    torch.testing.assert_close(scaled(x), plain(x))


# What is in the modules


@pytest.mark.parametrize("kernel", [3, 5])
def test_upsilon_one_leaves_no_convolution(kernel: int) -> None:
    ratios = AugmentedConvolutionRatios(kernel=kernel, kappa=0.5, upsilon=1.0, heads=4)
    module = ratios.resolve(16).build(8, 16, 2, (6, 6))
    kernels = {conv.kernel_size for conv in module.modules() if isinstance(conv, nn.Conv2d)}
    assert kernels == {(1, 1)}
    half = ratios.replace(upsilon=0.5).resolve(16).build(8, 16, 2, (6, 6))
    kernels = {conv.kernel_size for conv in half.modules() if isinstance(conv, nn.Conv2d)}
    assert kernels == {(1, 1), (kernel, kernel)}


def test_shapes_of_the_parameters() -> None:
    def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
        return {name: tuple(p.shape) for name, p in module.named_parameters()}

    spec = augmented("relative", value_depth=4, key_depth=12)
    assert shapes(spec.build(5, 8, 2, (6, 9))) == {
        "conv.weight": (4, 5, 3, 3),
        "qkv.weight": (2 * 12 + 4, 5, 1, 1),
        "qkv.bias": (28,),
        "mix_heads.weight": (4, 4, 1, 1),
        "mix_heads.bias": (4,),
        "row_embedding": (1, 2 * 3 - 1, 6),
        "column_embedding": (1, 2 * 5 - 1, 6),
    }
    assert shapes(LocalAttention(extent=7, heads=2).build(5, 10, 2, (6, 9))) == {
        "qkv.weight": (30, 5, 1, 1),
        "row_embedding": (2, 7, 2),
        "column_embedding": (2, 7, 3),
    }
    assert shapes(Convolution(kernel=5).build(5, 8, 2, (6, 9))) == {"weight": (8, 5, 5, 5)}
    assert shapes(AttentionStem(width=8, heads=2, mixtures=3, block=4).build(5)) == {
        "query_key.weight": (16, 5, 1, 1),
        "values.weight": (24, 5, 1, 1),
        "row_embedding": (4, 4),
        "column_embedding": (4, 4),
        "mixture_embedding": (3, 4),
        "norm.weight": (8,),
        "norm.bias": (8,),
    }


def test_initial_embeddings_have_the_papers_spread() -> None:
    # n = 127 x 64 = 8,128 numbers a table: their spread is known to 0.8 %.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = augmented("relative", value_depth=128, key_depth=256, heads=4).build(
            8, 128, 1, (64, 64)
        )
    for name in ("row_embedding", "column_embedding"):
        table = module.get_parameter(name).detach()
        assert table.shape == (1, 127, 64)
        assert float(table.std()) == pytest.approx(64**-0.5, rel=0.03)
        assert abs(float(table.mean())) < 0.01
