"""Attention maps of a small network, each against a softmax of its module's own logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.attention_maps.maps import attention_layers, attention_maps
from search_space.architecture import Stage
from search_space.primitives import Convolution
from tests.analysis.small_attention import GLOBAL, LOCAL, image, network


def layer_and_input(model: nn.Module, x: Tensor, name: str) -> tuple[Any, Tensor]:
    """A module of the network, and what it is given when the network sees ``x``."""
    layer, given = model.get_submodule(name), []
    handle = layer.register_forward_pre_hook(lambda _, arguments: given.extend(arguments))
    model(x[None])
    handle.remove()
    return layer, given[0]


def test_maps_of_a_global_layer_are_the_softmax_of_its_logits() -> None:
    model, x = network(), image()
    maps = attention_maps(model, x, [(0, 0), (5, 7), (3, 2)], GLOBAL)
    assert maps.queries == ((0, 0), (2, 3), (1, 1))
    assert (maps.kind, maps.extent, maps.image_hw) == ("global", None, (6, 8))
    assert maps.maps.shape == (3, 2, 3, 4)

    layer, seen = layer_and_input(model, x, GLOBAL)
    with torch.no_grad():
        pooled = nn.functional.avg_pool2d(seen, 3, 2, padding=1, count_include_pad=False)
        q, k = layer.qkv(pooled)[0, :16].reshape(2, 2, 4, 3, 4)
    for of_heads, (row, column) in zip(maps.maps, maps.queries, strict=True):
        for head in range(2):
            query = q[head, :, row, column] / 2  # the root of 4 dimensions a head
            logits = torch.zeros(3, 4)
            for y in range(3):
                for z in range(4):
                    position = layer.row_embedding[0, y - row + 2]
                    position = position + layer.column_embedding[0, z - column + 3]
                    logits[y, z] = query @ (k[head, :, y, z] + position)
            expected = logits.flatten().softmax(0).view(3, 4)
            np.testing.assert_allclose(of_heads[head], expected.detach().numpy(), rtol=1e-4)


def test_maps_of_a_local_layer_are_the_softmax_over_its_window() -> None:
    model, x = network(), image()
    maps = attention_maps(model, x, [(0, 7)], LOCAL)
    assert maps.queries == ((0, 7),)
    assert (maps.kind, maps.extent) == ("local", 3)
    layer, seen = layer_and_input(model, x, LOCAL)
    with torch.no_grad():
        q, k, _ = layer.qkv(seen)[0].reshape(3, 4, 2, 6, 8)
    for head in range(4):
        query, expected = q[head, :, 0, 7] / 2**0.5, torch.zeros(6, 8)
        window = [(0, 6), (0, 7), (1, 6), (1, 7)]  # what of it lies on the map
        logits = torch.stack(
            [
                query @ k[head, :, y, z]
                + query[0] * layer.row_embedding[head, y + 1, 0]
                + query[1] * layer.column_embedding[head, z - 7 + 1, 0]
                for y, z in window
            ]
        )
        for (y, z), weight in zip(window, logits.softmax(0), strict=True):
            expected[y, z] = weight
        np.testing.assert_allclose(
            maps.maps[0, head], expected.detach().numpy(), rtol=1e-4, atol=1e-9
        )


def test_default_layer_is_the_last_with_more_than_one_pixel() -> None:
    assert list(attention_layers(network())) == [LOCAL, GLOBAL]
    assert attention_maps(network(), image(), [(0, 0)]).layer == GLOBAL
    small = network(hw=(2, 2))
    assert attention_maps(small, image(hw=(2, 2)), [(1, 1)]).layer == LOCAL
    single = network(hw=(1, 1))
    maps = attention_maps(single, image(hw=(1, 1)), [(0, 0)])
    assert maps.layer == GLOBAL
    assert maps.maps.shape == (1, 2, 1, 1)
    assert maps.maps.sum() == 2


def test_the_network_is_left_as_it_was() -> None:
    model, x = network(), image()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    attention_maps(model, x, [(0, 0)])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_errors_of_maps_name_the_rule_and_the_value() -> None:
    model, x = network(), image()
    with pytest.raises(ValueError, match=r"image of 6 rows and 8 columns.* got row 6, column 0"):
        attention_maps(model, x, [(0, 0), (6, 0)])
    with pytest.raises(ValueError, match=r"image of 6 rows .* got row -1, column 0"):
        attention_maps(model, x, [(-1, 0)])
    with pytest.raises(ValueError, match="at least one pixel"):
        attention_maps(model, x, [])
    with pytest.raises(ValueError, match=r"must be \[C, H, W\], got \[1, 1, 6, 8\]"):
        attention_maps(model, x[None], [(0, 0)])
    with pytest.raises(ValueError, match=f"did you mean '{LOCAL}'"):
        attention_maps(model, x, [(0, 0)], f"{LOCAL}x")
    with pytest.raises(ValueError, match="evaluation mode"):
        attention_maps(model.train(), x, [(0, 0)])
    plain = network(stages=(Stage(width=8, stride=1, blocks=(Convolution(kernel=3),)),))
    with pytest.raises(ValueError, match="made of convolutions alone"):
        attention_maps(plain, x, [(0, 0)])
