"""Every primitive against its oracle of loops, forward and backward."""

from typing import Any

import pytest
from torch import Tensor, nn

from search_space.layers.augmented_convolution import AugmentedConvolution2d
from search_space.layers.local_attention import LocalAttention2d
from search_space.primitives import (
    AugmentedConvolution,
    Convolution,
    LocalAttention,
    Primitive,
)
from tests.search_space import naive, naive_layers
from tests.search_space.comparison import assert_same, in_float64, normal, randomised
from tests.search_space.module_oracles import local_attention_oracle, squeezed, tables_of

pytestmark = pytest.mark.many_cases

IN_CHANNELS, OUT_CHANNELS = 3, 6


def built(
    primitive: Primitive, stride: int, hw: tuple[int, int], in_channels: int = IN_CHANNELS
) -> nn.Module:
    with in_float64():
        return randomised(primitive.build(in_channels, OUT_CHANNELS, stride, hw))


def images(hw: tuple[int, int], batch: int = 2, channels: int = IN_CHANNELS) -> Tensor:
    return normal(batch, channels, *hw)


def augmented_convolution_oracle(module: AugmentedConvolution2d, stride: int, x: Tensor) -> Tensor:
    tables = tables_of(module)
    assert module.qkv.bias is not None
    assert module.mix_heads.bias is not None
    return naive_layers.augmented_convolution_layer(
        x,
        None if module.conv is None else module.conv.weight,
        (squeezed(module.qkv), module.qkv.bias),
        (squeezed(module.mix_heads), module.mix_heads.bias),
        None if tables is None else naive.position_sum(*tables),
        encoding=module.position,
        key_depth=module.key_depth,
        heads=module.heads,
        stride=stride,
        downsample=module.downsample,
    )


@pytest.mark.parametrize("hw", [(5, 7), (1, 4), (4, 6)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_convolution(kernel: int, stride: int, hw: tuple[int, int]) -> None:
    module = built(Convolution(kernel=kernel), stride, hw)
    assert isinstance(module, nn.Conv2d)
    assert_same(module, lambda x: naive.convolution(x, module.weight, stride), images(hw))


LOCAL_CASES = [
    # extent, heads, position, scaled, border, stride, map
    (1, 2, "relative", True, "masked", 1, (3, 4)),
    (1, 2, "relative", True, "zeros", 1, (3, 4)),
    (1, 3, "none", False, "masked", 2, (3, 4)),
    (3, 2, "relative", True, "masked", 1, (5, 7)),
    (3, 2, "relative", True, "zeros", 1, (5, 7)),
    (3, 2, "relative", False, "masked", 2, (5, 7)),
    (3, 2, "relative", False, "zeros", 2, (5, 7)),
    (3, 3, "none", True, "masked", 1, (5, 7)),
    (3, 3, "none", False, "zeros", 2, (4, 6)),
    (3, 1, "relative", True, "masked", 3, (5, 7)),
    (3, 2, "relative", True, "masked", 2, (9, 11)),
    (3, 3, "none", True, "masked", 1, (9, 11)),
    (5, 2, "relative", True, "masked", 1, (5, 7)),
    (5, 2, "relative", True, "zeros", 1, (4, 3)),
    (5, 1, "none", True, "zeros", 1, (3, 5)),
    (5, 2, "relative", True, "masked", 2, (1, 4)),
    (5, 2, "relative", True, "zeros", 2, (1, 4)),
    (7, 2, "relative", True, "masked", 1, (5, 7)),
    (7, 2, "relative", False, "masked", 2, (2, 3)),
    (7, 2, "relative", True, "zeros", 1, (2, 3)),
    (7, 2, "relative", True, "zeros", 1, (4, 1)),
    (11, 3, "relative", True, "masked", 1, (3, 2)),
    (11, 2, "none", True, "zeros", 1, (3, 2)),
    (3, 2, "relative", True, "masked", 2, (1, 1)),
]


@pytest.mark.parametrize(
    ("extent", "heads", "position", "scaled", "border", "stride", "hw"), LOCAL_CASES
)
def test_local_attention(
    extent: int,
    heads: int,
    position: str,
    scaled: bool,
    border: str,
    stride: int,
    hw: tuple[int, int],
) -> None:
    fields = {"extent": extent, "heads": heads, "scaled": scaled, "border": border}
    assert_local_attention(fields | {"position": position}, stride, hw)


ABLATION_CASES: list[tuple[dict[str, Any], int, tuple[int, int]]] = [
    ({"position": "sine"}, 1, (5, 7)),
    ({"position": "sine", "border": "zeros"}, 2, (4, 3)),
    ({"position": "sine"}, 2, (9, 7)),
    ({"position": "coordconv"}, 1, (5, 7)),
    ({"position": "coordconv", "border": "zeros", "scaled": False}, 2, (4, 1)),
    ({"position": "coordconv"}, 2, (9, 7)),
    ({"layout": "across_heads"}, 1, (5, 7)),  # one head of rows, one of columns
    ({"layout": "across_heads", "heads": 3}, 2, (5, 4)),  # the head between has some of both
    ({"layout": "across_heads", "border": "zeros"}, 2, (3, 5)),
    ({"layout": "across_heads"}, 1, (9, 7)),
    ({"content": False}, 1, (5, 7)),
    ({"content": False, "scaled": False}, 2, (9, 7)),
    ({"content": False, "border": "zeros", "extent": 5}, 2, (4, 3)),
    ({"content": False, "layout": "across_heads", "heads": 3}, 1, (4, 5)),
]


@pytest.mark.parametrize(("fields", "stride", "hw"), ABLATION_CASES)
def test_forms_of_local_attention(fields: dict[str, Any], stride: int, hw: tuple[int, int]) -> None:
    assert_local_attention({"extent": 3, "heads": 2} | fields, stride, hw, in_channels=5)


def assert_local_attention(
    fields: dict[str, Any], stride: int, hw: tuple[int, int], in_channels: int = IN_CHANNELS
) -> None:
    module = built(LocalAttention.model_validate(fields), stride, hw, in_channels)
    assert isinstance(module, LocalAttention2d)
    # With one key in all there is nothing to choose, so no logit has an effect.
    alone = module.extent == 1 or (hw == (1, 1) and module.border == "masked")
    relative = module.position == "relative"
    tables = ("row_embedding", "column_embedding") if relative and alone else ()
    assert_same(
        module,
        lambda x: local_attention_oracle(module, stride, x, OUT_CHANNELS),
        images(hw, batch=1 if hw[0] == 9 else 2, channels=in_channels),
        without_effect=tables + flat_axes(hw, module.extent, module.border, module.position),
    )


def flat_axes(hw: tuple[int, int], extent: int, border: str, position: str) -> tuple[str, ...]:
    """The table of an axis on which every key has the query's own place adds a constant."""
    if position != "relative" or border == "zeros" or extent == 1:
        return ()
    axes = zip(("row_embedding", "column_embedding"), hw, strict=True)
    return tuple(name for name, length in axes if length == 1)


AUGMENTED_CASES = [
    # kernel, d_k, d_v, heads, position, downsample, stride, map
    (3, 4, 2, 2, "relative", False, 1, (5, 7)),
    (3, 4, 2, 2, "none", False, 1, (5, 7)),
    (3, 4, 4, 2, "relative", False, 2, (5, 7)),
    (3, 4, 4, 2, "none", False, 2, (4, 6)),
    (5, 6, 3, 3, "relative", False, 1, (4, 3)),
    (5, 3, 3, 1, "none", False, 2, (5, 3)),
    (3, 4, 6, 2, "relative", False, 1, (4, 5)),  # no convolution left
    (5, 4, 6, 2, "relative", False, 2, (5, 5)),
    (3, 4, 2, 2, "relative", True, 1, (5, 7)),
    (3, 4, 2, 2, "none", True, 1, (6, 4)),
    (3, 4, 2, 2, "relative", True, 2, (7, 9)),
    (5, 4, 6, 2, "relative", True, 2, (7, 5)),
    (3, 2, 2, 2, "relative", False, 1, (1, 4)),
    (3, 4, 2, 2, "relative", True, 1, (1, 4)),
    (1, 4, 2, 2, "relative", False, 3, (5, 7)),
    (3, 4, 2, 2, "sine", False, 1, (5, 7)),
    (3, 4, 6, 2, "sine", False, 2, (5, 4)),
    (3, 4, 2, 2, "sine", True, 2, (7, 9)),
    (3, 4, 2, 2, "coordconv", False, 1, (5, 7)),
    (3, 4, 6, 2, "coordconv", True, 1, (6, 5)),
    (5, 6, 3, 3, "coordconv", True, 2, (7, 3)),
]


@pytest.mark.parametrize(
    ("kernel", "key_depth", "value_depth", "heads", "position", "downsample", "stride", "hw"),
    AUGMENTED_CASES,
)
def test_augmented_convolution(
    kernel: int,
    key_depth: int,
    value_depth: int,
    heads: int,
    position: str,
    downsample: bool,
    stride: int,
    hw: tuple[int, int],
) -> None:
    primitive = AugmentedConvolution.model_validate(
        {
            "kernel": kernel,
            "key_depth": key_depth,
            "value_depth": value_depth,
            "heads": heads,
            "position": position,
            "downsample": downsample,
        }
    )
    channels = 5 if position == "sine" else IN_CHANNELS  # of 3 channels none would have a wave
    module = built(primitive, stride, hw, channels)
    assert isinstance(module, AugmentedConvolution2d)
    assert (module.conv is None) == (value_depth == OUT_CHANNELS)
    assert_same(
        module,
        lambda x: augmented_convolution_oracle(module, stride, x),
        images(hw, channels=channels),
        without_effect=("row_embedding",) if hw[0] == 1 and position == "relative" else (),
    )


@pytest.mark.parametrize("hw", [(3, 6), (6, 3), (1, 1)])
@pytest.mark.parametrize("position", ["none", "sine", "coordconv"])
def test_any_other_map_size(position: Any, hw: tuple[int, int]) -> None:
    local = built(LocalAttention(extent=3, heads=2, position=position), 1, (4, 5), in_channels=5)
    assert isinstance(local, LocalAttention2d)
    x = images(hw, channels=5)
    assert_same(local, lambda x: local_attention_oracle(local, 1, x, OUT_CHANNELS), x)
    spec = AugmentedConvolution(
        kernel=3, key_depth=4, value_depth=2, heads=2, position=position, downsample=False
    )
    augmented = built(spec, 2, (7, 8), in_channels=5)
    assert isinstance(augmented, AugmentedConvolution2d)
    assert_same(augmented, lambda x: augmented_convolution_oracle(augmented, 2, x), x)
