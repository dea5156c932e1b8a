"""Every stem against its oracle of loops, forward and backward."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from search_space.layers.attention_stem import AttentionStem2d
from search_space.layers.mixed_values import MixedValues
from search_space.primitives import AttentionStem, ConvolutionStem
from tests.search_space import naive, naive_layers
from tests.search_space.comparison import assert_same, normal, randomised

WIDTH = 4


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("activated", [True, False])
@pytest.mark.parametrize("stem", [(3, 1, False), (3, 2, True), (5, 2, False), (7, 2, True)])
def test_convolution_stem(stem: tuple[int, int, bool], activated: bool, training: bool) -> None:
    kernel, stride, pool = stem
    spec = ConvolutionStem(width=4, kernel=kernel, stride=stride, pool=pool, activated=activated)
    module = randomised(spec.build(3)).train(training)
    assert isinstance(module, nn.Sequential)
    conv, norm = module[0], module[1] if activated else None
    x = normal(2, 3, 7, 9)
    assert module(x).shape == (2, 4, *spec.output_hw((7, 9)))
    assert_same(
        module,
        lambda x: naive_layers.convolution_stem(x, conv.weight, norm, stride=stride, pool=pool),
        x,
    )


def matrix(conv: nn.Module) -> Tensor:
    """Return a 1x1 convolution's matrix."""
    assert isinstance(conv, nn.Conv2d)
    assert conv.kernel_size == (1, 1)
    return conv.weight[:, :, 0, 0]


def made_values(module: AttentionStem2d, x: Tensor) -> Tensor:
    """The oracle of each form of the values."""
    values, block = module.values, module.block
    if isinstance(values, MixedValues):
        embeddings = (values.row_embedding, values.column_embedding, values.mixture_embedding)
        matrices = list(matrix(values.matrices).split(WIDTH))
        return naive_layers.mixed_values(x, matrices, embeddings, block)
    if isinstance(values, nn.Sequential):
        (conv,) = (part for part in values if isinstance(part, nn.Conv2d))
        assert conv.weight.shape[2:] == (block, block)
        return naive.convolution(x, conv.weight, 1, before=(block - 1) // 2)
    return naive.each_image(
        x, lambda picture: naive.image(naive.pointwise(naive.pixels(picture), matrix(values)))
    )


def stem_oracle(module: AttentionStem2d, x: Tensor) -> Tensor:
    query, key = matrix(module.query_key).split(WIDTH)
    position = None
    if module.position == "relative":
        assert module.row_embedding is not None
        assert module.column_embedding is not None
        position = naive.position_concatenation(module.row_embedding, module.column_embedding)
    return naive_layers.attention_stem(
        x,
        (query, key),
        lambda x: made_values(module, x),
        position,
        module.norm,
        block=module.block,
        heads=module.heads,
    )


STEM_CASES: list[tuple[dict[str, Any], tuple[int, int]]] = [
    ({"block": 2, "heads": 2, "mixtures": 3}, (4, 6)),
    ({"block": 4, "heads": 2}, (4, 8)),
    ({"block": 2, "heads": 4, "mixtures": 2, "position": "none"}, (2, 2)),
    ({"block": 3, "heads": 1, "values": "pointwise"}, (9, 3)),
    ({"block": 2, "heads": 2, "values": "pointwise", "position": "none"}, (6, 4)),
    ({"block": 2, "heads": 2, "values": "convolution"}, (4, 6)),
    ({"block": 3, "heads": 2, "values": "convolution", "position": "none"}, (3, 6)),
    ({"block": 4, "heads": 1, "values": "convolution"}, (4, 8)),
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("fields", "hw"), STEM_CASES)
def test_attention_stem(fields: dict[str, Any], hw: tuple[int, int], training: bool) -> None:
    spec = AttentionStem.model_validate({"width": WIDTH} | fields)
    module = randomised(spec.build(3)).train(training)
    assert isinstance(module, AttentionStem2d)
    assert_same(module, lambda x: stem_oracle(module, x), normal(2, 3, *hw))


def test_head_of_odd_width() -> None:
    module = randomised(AttentionStem(width=6, heads=2, block=2).build(3))
    assert isinstance(module, AttentionStem2d)
    assert module.row_embedding is not None
    assert module.column_embedding is not None
    assert module.row_embedding.shape == (2, 3, 1)
    assert module.column_embedding.shape == (2, 3, 2)
    assert module(normal(1, 3, 4, 4)).shape == (1, 6, 2, 2)


def test_mixture_weights_are_convex() -> None:
    module = randomised(AttentionStem(width=WIDTH, heads=2, mixtures=3, block=5).build(3))
    assert isinstance(module, AttentionStem2d)
    assert isinstance(module.values, MixedValues)
    with torch.no_grad():
        shares = module.values.mixture_weights()
    assert shares.shape == (3, 5, 5)
    assert bool((shares > 0).all())
    torch.testing.assert_close(shares.sum(0), torch.ones(5, 5, dtype=torch.float64))


@pytest.mark.parametrize("hw", [(6, 8), (8, 6), (5, 5), (2, 4)])
def test_attention_stem_refuses_an_image_its_block_does_not_divide(hw: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"block=4, image {hw[0]}x{hw[1]}"):
        AttentionStem(width=8).build(3)(torch.zeros(1, 3, *hw))
