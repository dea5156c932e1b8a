"""One query's probabilities against the operators' outputs, and the record of a network's calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from search_space.attention import global_attention, local_attention
from search_space.attention.weights import (
    attention_layers,
    attention_weights,
    record_attention,
)
from search_space.primitives import AugmentedConvolution, Convolution, LocalAttention
from tests.search_space.comparison import normal, randomised

HEADS, DEPTH, VALUE_DEPTH = 2, 4, 3
Tables = tuple[Tensor, Tensor] | tuple[()]


def projected(hw: tuple[int, int]) -> list[Tensor]:
    """Return random q, k and v."""
    return [
        normal(2, HEADS, depth, *hw, seed=seed)
        for seed, depth in enumerate((DEPTH, DEPTH, VALUE_DEPTH))
    ]


def tables_of(kind: str, rows: tuple[int, int], *, shared: bool = False) -> Tables:
    """``sum``: full width each; ``concatenation``: widths 1 and 3; ``none``."""
    if kind == "none":
        return ()
    widths = (DEPTH, DEPTH) if kind == "sum" else (1, DEPTH - 1)
    first, second = (
        normal(1 if shared else HEADS, length, width, seed=7 + length)
        for length, width in zip(rows, widths, strict=True)
    )
    return first, second


def everywhere(hw: tuple[int, int], weights: Callable[[tuple[int, int]], Tensor]) -> Tensor:
    """``[B, h, y, x, H, W]``: the map of every query, from ``weights`` of its pixel."""
    maps = [torch.stack([weights((y, x)) for x in range(hw[1])], dim=2) for y in range(hw[0])]
    return torch.stack(maps, dim=2)


def weights_everywhere(q: Tensor, k: Tensor | None, tables: Tables, **settings: Any) -> Tensor:
    rows, columns = tables or (None, None)
    return everywhere(
        (q.shape[-2], q.shape[-1]),
        lambda pixel: attention_weights(q, k, rows, columns, pixel, **settings),
    )


def weighted(weights: Tensor, v: Tensor) -> Tensor:
    """Sum the values by each query's map, as the operators do."""
    return torch.einsum("bhyxij,bheij->bheyx", weights, v)


@pytest.mark.parametrize("hw", [(3, 4), (1, 5), (4, 2)])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("kind", ["none", "sum", "concatenation"])
def test_global_attention_is_the_sum_of_values_by_these_weights(
    kind: str, shared: bool, hw: tuple[int, int]
) -> None:
    q, k, v = projected(hw)
    tables = tables_of(kind, (2 * hw[0] - 1, 2 * hw[1] - 1), shared=shared)
    weights = weights_everywhere(q, k, tables)
    torch.testing.assert_close(weighted(weights, v), global_attention(q, k, v, *tables))
    torch.testing.assert_close(weights.sum((-2, -1)), torch.ones(2, HEADS, *hw).double())


@pytest.mark.parametrize("hw", [(5, 7), (2, 3), (9, 11), (1, 4)])
@pytest.mark.parametrize("extent", [1, 3, 5])
@pytest.mark.parametrize("kind", ["none", "sum", "concatenation"])
@pytest.mark.parametrize("border", ["masked", "zeros"])
def test_local_attention_is_the_sum_of_values_by_these_weights(
    border: Any, kind: str, extent: int, hw: tuple[int, int]
) -> None:
    q, k, v = projected(hw)
    tables = tables_of(kind, (extent, extent))
    weights = weights_everywhere(q, k, tables, extent=extent, border=border)
    expected = local_attention(q, k, v, *tables, extent=extent, border=border)
    torch.testing.assert_close(weighted(weights, v), expected)
    total = weights.sum((-2, -1))
    radius = extent // 2
    inner = total[..., radius : hw[0] - radius, radius : hw[1] - radius]
    torch.testing.assert_close(inner, torch.ones_like(inner))
    if border == "masked":
        torch.testing.assert_close(total, torch.ones_like(total))
    elif radius:
        assert bool((total[..., 0, 0] < 1 - 1e-6).all())  # the rest is attended off the map


def test_weights_are_zero_outside_the_window() -> None:
    q, k, _ = projected((5, 6))
    weights = attention_weights(q, k, None, None, (1, 4), extent=3)
    window = torch.zeros(5, 6, dtype=torch.bool)
    window[0:3, 3:6] = True
    assert bool((weights[..., window] > 0).all())
    assert not weights[..., ~window].any()


@pytest.mark.parametrize("border", ["masked", "zeros"])
def test_without_keys_positions_alone_decide(border: Any) -> None:
    q, _, v = projected((4, 5))
    tables = tables_of("concatenation", (3, 3))
    weights = weights_everywhere(q, None, tables, extent=3, border=border)
    expected = local_attention(q, None, v, *tables, extent=3, border=border)
    torch.testing.assert_close(weighted(weights, v), expected)
    whole = tables_of("sum", (7, 9))
    torch.testing.assert_close(
        weighted(weights_everywhere(q, None, whole), v), global_attention(q, None, v, *whole)
    )


def test_half_precision_is_computed_in_single() -> None:
    q, k, _ = (part.bfloat16() for part in projected((3, 4)))
    weights = attention_weights(q, k, None, None, (1, 1))
    assert weights.dtype == torch.float32
    assert attention_weights(q.double(), k, None, None, (1, 1)).dtype == torch.float64
    torch.testing.assert_close(weights, attention_weights(q.float(), k.float(), None, None, (1, 1)))


def test_errors_name_the_rule_and_the_values() -> None:
    q, k, _ = projected((3, 4))
    rows, columns = tables_of("sum", (5, 7)) or (None, None)
    with pytest.raises(ValueError, match="on the map of 3x4, got row 3, column 0"):
        attention_weights(q, k, None, None, (3, 0))
    with pytest.raises(ValueError, match="got row 0, column -1"):
        attention_weights(q, k, None, None, (0, -1))
    with pytest.raises(ValueError, match="extent must be odd and positive, got extent=2"):
        attention_weights(q, k, None, None, (0, 0), extent=2)
    with pytest.raises(ValueError, match=r"k \[2, 2, 4, 3, 3\]"):
        attention_weights(q, k[..., :-1], None, None, (0, 0))
    with pytest.raises(ValueError, match="given together"):
        attention_weights(q, k, rows, None, (0, 0))
    with pytest.raises(ValueError, match="without keys there must be position tables"):
        attention_weights(q, None, None, None, (0, 0))
    with pytest.raises(ValueError, match=r"must have \(3, 3\) rows, got rows \[2, 5, 4\]"):
        attention_weights(q, k, rows, columns, (0, 0), extent=3)


def small_network() -> nn.Sequential:
    """A convolution, local attention of stride 2 and an augmented convolution, float64."""
    local = LocalAttention(extent=3, heads=2)
    augmented = AugmentedConvolution(
        kernel=3, key_depth=4, value_depth=6, heads=2, position="relative", downsample=False
    )
    return nn.Sequential(
        Convolution(kernel=3).build(3, 4, 1, (5, 7)),
        local.build(4, 4, 2, (5, 7)),
        nn.ReLU(inplace=True),
        augmented.build(4, 6, 1, (3, 4)),  # all of its channels are attention
    )


def test_recorded_calls_are_those_of_the_network() -> None:
    network = randomised(small_network())
    x = normal(2, 3, 5, 7)
    expected = network(x)
    with record_attention(network) as calls:
        torch.testing.assert_close(network(x), expected, rtol=0, atol=0)
    assert list(attention_layers(network)) == ["1", "3"]
    assert [call.layer for call in calls] == ["1", "3"]
    assert [call.map_hw for call in calls] == [(5, 7), (3, 4)]
    assert [call.inputs.extent for call in calls] == [3, None]
    assert not any(call.weights((0, 0)).requires_grad for call in calls)

    local, augmented = (
        weighted(everywhere(call.map_hw, call.weights), call.inputs.v).flatten(1, 2)
        for call in calls
    )
    mixed = network[3].mix_heads(augmented)
    torch.testing.assert_close(mixed, expected)
    torch.testing.assert_close(network[1].pool(local), network[1](network[0](x)))


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"position": "none"},
        {"position": "sine"},
        {"position": "coordconv"},
        {"content": False},
        {"layout": "across_heads"},
        {"border": "zeros", "content": False},
        {"border": "zeros", "scaled": False},
    ],
)
def test_every_form_of_local_attention_is_recorded_as_it_computes(form: dict[str, Any]) -> None:
    layer = randomised(LocalAttention(extent=3, heads=2, **form).build(3, 8, 1, (4, 5)))
    with record_attention(layer) as calls:
        out = layer(normal(2, 3, 4, 5))
    weights = everywhere((4, 5), calls[0].weights)
    torch.testing.assert_close(weighted(weights, calls[0].inputs.v).flatten(1, 2), out)


@pytest.mark.parametrize("position", ["none", "relative", "sine", "coordconv"])
@pytest.mark.parametrize("stride", [1, 2])
def test_every_form_of_augmented_convolution_is_recorded_as_it_computes(
    position: Any, stride: int
) -> None:
    spec = AugmentedConvolution(
        kernel=3, key_depth=8, value_depth=6, heads=2, position=position, downsample=False
    )
    layer = randomised(spec.build(3, 6, stride, (4, 5)))
    with record_attention(layer) as calls:
        out = layer(normal(2, 3, 4, 5))
    assert calls[0].map_hw == (-(-4 // stride), -(-5 // stride))
    weights = everywhere(calls[0].map_hw, calls[0].weights)
    attended = weighted(weights, calls[0].inputs.v).flatten(1, 2)
    torch.testing.assert_close(layer.mix_heads(attended), out)


def test_nothing_is_recorded_outside() -> None:
    network = randomised(small_network())
    x = normal(1, 3, 5, 7)
    network(x)
    with record_attention(network) as calls:
        pass
    network(x)
    assert calls == []
    with pytest.raises(RuntimeError), record_attention(network) as calls:
        network(x[:, :2])
    network(x)
    assert calls == []
    with record_attention(network) as calls:
        network(x)
        network(x)
    assert [call.layer for call in calls] == ["1", "3", "1", "3"]


def test_an_attention_layer_at_the_root_has_no_name() -> None:
    layer = LocalAttention(extent=3, heads=2).build(4, 4, 1, (5, 5))
    with record_attention(layer) as calls:
        layer(torch.randn(1, 4, 5, 5, generator=torch.Generator().manual_seed(0)))
    assert [call.layer for call in calls] == [""]
