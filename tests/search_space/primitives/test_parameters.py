"""Contents of the primitives' modules: layers, shapes of parameters, the operator's inputs."""

from typing import Any

import pytest
import torch
from torch import nn

from search_space.attention import global_attention, local_attention
from search_space.layers.augmented_convolution import AugmentedConvolution2d
from search_space.layers.local_attention import LocalAttention2d
from search_space.layers.resampling import interpolated
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolutionRatios,
    Convolution,
    LocalAttention,
)
from tests.search_space.comparison import normal, randomised
from tests.search_space.small_layers import augmented


@pytest.mark.parametrize("kernel", [3, 5])
def test_upsilon_one_leaves_no_convolution(kernel: int) -> None:
    ratios = AugmentedConvolutionRatios(kernel=kernel, kappa=0.5, upsilon=1.0, heads=4)
    module = ratios.resolve(16, 8).build(8, 16, 2, (6, 6))
    kernels = {conv.kernel_size for conv in module.modules() if isinstance(conv, nn.Conv2d)}
    assert kernels == {(1, 1)}
    half = ratios.replace(upsilon=0.5).resolve(16, 8).build(8, 16, 2, (6, 6))
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
    assert shapes(
        LocalAttention(extent=7, heads=2, layout="across_heads").build(5, 10, 1, (6, 9))
    ) == {
        "qkv.weight": (30, 5, 1, 1),
        "row_embedding": (1, 7, 5),
        "column_embedding": (1, 7, 5),
    }
    assert shapes(LocalAttention(extent=7, heads=2, content=False).build(5, 10, 1, (6, 9))) == {
        "qkv.weight": (20, 5, 1, 1),
        "row_embedding": (2, 7, 2),
        "column_embedding": (2, 7, 3),
    }
    for position, channels in (("sine", 5), ("coordconv", 8)):
        spec = LocalAttention(extent=7, heads=2, position=position)  # type: ignore[arg-type]
        assert shapes(spec.build(5, 10, 1, (6, 9))) == {"qkv.weight": (30, channels, 1, 1)}


def test_shapes_of_the_stems_parameters() -> None:
    def shapes(**fields: Any) -> dict[str, tuple[int, ...]]:
        module = AttentionStem.model_validate({"width": 8, "heads": 2} | fields).build(5)
        return {name: tuple(p.shape) for name, p in module.named_parameters()}

    shared = {"query_key.weight": (16, 5, 1, 1), "norm.weight": (8,), "norm.bias": (8,)}
    tables = {"row_embedding": (2, 7, 2), "column_embedding": (2, 7, 2)}
    mixed = {
        "values.matrices.weight": (24, 5, 1, 1),
        "values.row_embedding": (4, 4),
        "values.column_embedding": (4, 4),
        "values.mixture_embedding": (3, 4),
    }
    assert shapes(mixtures=3) == shared | tables | mixed
    assert shapes(mixtures=3, position="none") == shared | mixed
    assert shapes(values="pointwise") == shared | tables | {"values.weight": (8, 5, 1, 1)}
    assert shapes(values="convolution") == shared | tables | {"values.1.weight": (8, 5, 4, 4)}


@pytest.mark.parametrize("hw", [(6, 9), (5, 8)])
def test_attention_inputs_are_what_the_forward_pass_uses(hw: tuple[int, int]) -> None:
    x = normal(2, 6, *hw)
    local = randomised(
        LocalAttention(extent=3, heads=2, border="zeros", layout="across_heads").build(6, 8, 1, hw)
    )
    assert isinstance(local, LocalAttention2d)
    q, k, v, rows, columns, scale, extent, border = local.attention_inputs(x)
    assert (scale, extent, border) == (4**-0.5, 3, "zeros")
    assert q.shape == v.shape == (2, 2, 4, *hw)
    out = local_attention(q, k, v, rows, columns, extent=3, border="zeros", scale=scale)
    torch.testing.assert_close(local(x), out.flatten(1, 2))
    assert (
        LocalAttention2d.attention_inputs(
            randomised(LocalAttention(extent=3, heads=2, content=False).build(6, 8, 1, hw)), x
        ).k
        is None
    )

    module = randomised(augmented("relative", value_depth=8, downsample=True).build(6, 8, 1, hw))
    assert isinstance(module, AugmentedConvolution2d)
    inputs = module.attention_inputs(x)
    assert (inputs.scale, inputs.extent, inputs.border) == (4**-0.5, None, "masked")
    assert inputs.q.shape == (2, 2, 4, -(-hw[0] // 2), -(-hw[1] // 2))
    mixed = module.mix_heads(global_attention(*inputs[:5], scale=inputs.scale).flatten(1, 2))
    torch.testing.assert_close(module(x), interpolated(mixed, hw))
