"""Properties of the primitives for any numbers: symmetries, locality, rounding."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from search_space.attention import global_attention, local_attention
from search_space.layers.augmented_convolution import AugmentedConvolution2d
from search_space.primitives import (
    LocalAttention,
)
from tests.search_space.comparison import generator, normal, randomised
from tests.search_space.small_layers import augmented

# Symmetries


POSITIONS: list[Any] = ["none", "relative", "sine", "coordconv"]


def attention_alone(name: str, position: Any, hw: tuple[int, int]) -> nn.Module:
    """Build attention of every pixel to every pixel, and nothing else, 6 channels to 8."""
    if name == "augmented":
        return randomised(augmented(position).build(6, 8, 1, hw))
    extent = 2 * max(hw) - 1  # the window of a corner reaches the corner across
    return randomised(LocalAttention(extent=extent, heads=2, position=position).build(6, 8, 1, hw))


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("name", ["augmented", "local"])
def test_only_positions_break_permutation_equivariance(name: str, position: Any) -> None:
    module = attention_alone(name, position, (4, 5))
    x = normal(2, 6, 4, 5)
    order = torch.randperm(20, generator=generator())
    shuffled = x.flatten(2)[:, :, order].view_as(x)
    wanted = module(x).flatten(2)[:, :, order].view(2, 8, 4, 5)
    assert torch.allclose(module(shuffled), wanted, rtol=1e-9) == (position == "none")


@pytest.mark.parametrize("extent", [1, 3, 5])
@pytest.mark.parametrize(
    "fields",
    [
        {"position": "none"},
        {"position": "relative"},
        {"position": "relative", "layout": "across_heads"},
        {"position": "relative", "content": False},
        {"position": "sine"},
        {"position": "coordconv"},
    ],
)
def test_local_attention_is_translation_equivariant_away_from_borders(
    extent: int, fields: dict[str, Any]
) -> None:
    """Attention moves with its input for all encodings but those of absolute positions."""
    hw, radius, shift = (11, 12), extent // 2, (2, 1)
    spec = LocalAttention.model_validate({"extent": extent, "heads": 2} | fields)
    module = randomised(spec.build(6, 8, 1, hw))
    x = normal(1, 6, *hw)
    moved = torch.roll(x, shift, dims=(2, 3))
    inner = (
        ...,
        slice(radius + shift[0], hw[0] - radius),
        slice(radius + shift[1], hw[1] - radius),
    )
    before = torch.roll(module(x), shift, dims=(2, 3))
    equivariant = fields["position"] in ("none", "relative")
    same = torch.allclose(module(moved)[inner], before[inner], rtol=1e-9, atol=1e-10)
    assert same == equivariant


def patch_in_the_dark(corner: tuple[int, int], hw: tuple[int, int]) -> Tensor:
    """A 3x4 patch, of which channel 0 is one, on a map of zeros."""
    x = torch.zeros(1, 6, *hw, dtype=torch.float64)
    patch = normal(1, 6, 3, 4)
    patch[:, 0] = 1
    x[..., corner[0] : corner[0] + 3, corner[1] : corner[1] + 4] = patch
    return x


def blind_to_the_dark(module: nn.Module) -> nn.Module:
    """Set the weights so that each head ignores pixels whose channel 0 is zero."""
    assert isinstance(module, AugmentedConvolution2d)
    d_k, heads = module.key_depth, module.heads
    first = slice(0, d_k, d_k // heads)  # a head's first channel, of the queries
    weight, bias = module.qkv.weight, module.qkv.bias
    assert bias is not None
    with torch.no_grad():
        weight[:d_k][first], bias[:d_k][first] = 0, 1
        weight[d_k : 2 * d_k][first], bias[d_k : 2 * d_k][first] = 0, -1e4
        weight[d_k : 2 * d_k][first, 0] = 1e4
        if module.row_embedding is not None and module.column_embedding is not None:
            module.row_embedding[..., 0] = 0
            module.column_embedding[..., 0] = 0
    return module


@pytest.mark.parametrize("value_depth", [4, 8])
@pytest.mark.parametrize("position", POSITIONS)
def test_augmented_convolution_is_translation_equivariant(position: Any, value_depth: int) -> None:
    """A patch's output moves with it, unless the attention is told the absolute position."""
    hw, shift = (9, 10), (3, 2)
    spec = augmented(position, value_depth=value_depth)
    module = blind_to_the_dark(randomised(spec.build(6, 8, 1, hw)))
    before = module(patch_in_the_dark((1, 1), hw))[..., : hw[0] - 3, : hw[1] - 2]
    after = module(patch_in_the_dark((1 + shift[0], 1 + shift[1]), hw))[..., 3:, 2:]
    assert before.abs().amax((2, 3)).min() > 0.1  # there is something to move in each channel
    same = torch.allclose(after, before, rtol=1e-9, atol=1e-10)
    assert same == (position in ("none", "relative"))


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


@pytest.mark.parametrize("content", [True, False])
@pytest.mark.parametrize("hw", [(4, 4), (3, 5), (1, 6)])
def test_extent_over_the_whole_map_is_global_attention(hw: tuple[int, int], content: bool) -> None:
    q, keys, v = (normal(2, 2, 4, *hw, seed=seed) for seed in range(3))
    k = keys if content else None
    for extent in (2 * max(hw) - 1, 2 * max(hw) + 5):
        rows, columns = normal(1, extent, 4, seed=4), normal(1, extent, 4, seed=5)
        # Global attention's tables hold the offsets that exist on the map.
        reached = [slice(extent // 2 - side + 1, extent // 2 + side) for side in hw]
        tables = rows[:, reached[0]], columns[:, reached[1]]
        wanted = global_attention(q, k, v, *tables)
        result = local_attention(q, k, v, rows, columns, extent=extent)
        torch.testing.assert_close(result, wanted)
        if content:
            bare = local_attention(q, k, v, extent=extent)
            torch.testing.assert_close(bare, global_attention(q, k, v))


@pytest.mark.parametrize("border", ["masked", "zeros"])
def test_pixels_outside_the_window_have_no_influence(border: Any) -> None:
    hw, extent, pixel = (9, 11), 5, (2, 6)
    module = randomised(LocalAttention(extent=extent, heads=2, border=border).build(6, 8, 1, hw))
    x = normal(1, 6, *hw).requires_grad_()
    (slope,) = torch.autograd.grad(module(x)[0, :, pixel[0], pixel[1]].pow(2).sum(), x)
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
