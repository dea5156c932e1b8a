"""The counter: in numbers written out by hand, and operator by operator."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search_space.architecture import Architecture, Stage, Task
from search_space.cost import Counts, count_module, network_costs
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    Convolution,
    ConvolutionStem,
    LocalAttention,
)
from tests.search_space.own_primitive import LogSigmoid


def test_arithmetic_written_out() -> None:
    """Three layers in numbers, by hand."""
    local = LocalAttention(extent=3, heads=2).build(5, 4, 1, (6, 7))
    assert count_module(local, (5, 6, 7)) == Counts(
        params=5 * 12 + 3 * 2 * 2,  # two heads' tables, of 3 rows and 3 columns, of 1 each
        macs=42 * 5 * 12 + 42 * 9 * (4 + 4 + 4),  # q.k, q.r, A.v at 9 positions, borders too
        activations=42 * 12 + 42 * 9 * 2 + 42 * 4,
    )
    augmented = AugmentedConvolution(
        kernel=3, key_depth=6, value_depth=4, heads=2, position="relative", downsample=False
    ).build(5, 10, 2, (6, 7))
    assert count_module(augmented, (5, 6, 7)) == Counts(
        params=9 * 5 * 6 + (5 * 16 + 16) + (4 * 4 + 4) + (5 + 7) * 3,
        macs=12 * 9 * 5 * 6 + 12 * 5 * 16 + 12 * 12 * (6 + 6 + 4) + 12 * 4 * 4,
        activations=12 * 6 + 12 * 16 + (12 * 12 * 2 + 12 * 4) + 12 * 4,
    )
    stem = AttentionStem(width=8, heads=2, mixtures=3, block=4).build(3)
    assert count_module(stem, (3, 8, 4)) == Counts(
        # Beside the mixtures' embeddings, two heads' tables of 7 rows and 7 columns, of 2 each.
        params=3 * 8 * (2 + 3) + (4 + 4 + 3) * 4 + 2 * (7 + 7) * 2 + 16,
        macs=32 * 3 * 8 * (2 + 3) + 32 * 16 * (8 + 8 + 8),
        activations=32 * 8 * (2 + 3) + 32 * 16 * 2 + 32 * 8,
    )


def counted(function: Any, shape: tuple[int, int, int] = (4, 6, 6)) -> Counts:
    class Apply(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = function(x)
            return out

    return count_module(Apply(), shape)


@pytest.mark.parametrize(
    ("function", "operator"),
    [
        (lambda x: torch.cumsum(x, dim=1), "aten::cumsum"),
        (lambda x: torch.fft.fft(x).real, "aten::fft_fft"),
        (F.logsigmoid, "aten::log_sigmoid"),
        (lambda x: F.group_norm(x, 2), "aten::group_norm"),
        (F.instance_norm, "aten::instance_norm"),
        (lambda x: F.layer_norm(x, x.shape[1:]), "aten::layer_norm"),
        (
            lambda x: F.scaled_dot_product_attention(x, x, x),
            "aten::scaled_dot_product_attention",
        ),
    ],
)
def test_an_operator_without_a_rule_is_named(function: Any, operator: str) -> None:
    with pytest.raises(ValueError, match=f"no cost rule for .*{operator}.*; add it to"):
        counted(function)


def test_an_own_primitive_without_a_rule_is_named() -> None:
    architecture = Architecture(
        stem=ConvolutionStem(width=4),
        stages=(Stage(width=4, stride=1, blocks=(LogSigmoid(),)),),
    )
    with pytest.raises(ValueError, match="no cost rule for operator aten::log_sigmoid"):
        network_costs(architecture, Task(input_shape=(3, 8, 8), classes=10))


@pytest.mark.parametrize(
    ("function", "macs", "activations"),
    [
        (lambda x: x + x * 2 - x / 3, 0, 0),
        (lambda x: F.relu(x).softmax(dim=1).mean(), 0, 0),
        (lambda x: F.max_pool2d(F.avg_pool2d(x, 2), 3), 0, 0),
        (lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"), 0, 0),
        (lambda x: F.interpolate(x, scale_factor=2.0, mode="nearest"), 0, 0),
        (lambda x: F.batch_norm(x, torch.zeros(4), torch.ones(4)), 0, 0),
        (lambda x: torch.cat([x, x], dim=1).flatten(1).transpose(0, 1), 0, 0),
        (lambda x: F.linear(x, torch.ones(5, 6)), 24 * 6 * 5, 24 * 5),
        (lambda x: x @ x.transpose(-1, -2), 4 * 6 * 6 * 6, 4 * 36),
        (lambda x: torch.bmm(x[0], x[0]), 4 * 6 * 6 * 6, 4 * 36),
        (lambda x: torch.mm(x[0, 0], x[0, 0]), 6 * 6 * 6, 36),
        (lambda x: torch.addmm(x[0, 0], x[0, 0], x[0, 1]), 6 * 6 * 6, 36),
        (lambda x: torch.einsum("bcij,bcjk->bcik", x, x), 4 * 6 * 6 * 6, 4 * 36),
        (lambda x: F.conv2d(x, torch.ones(8, 2, 3, 3), groups=2), 16 * 8 * 2 * 9, 16 * 8),
    ],
)
def test_rules(function: Any, macs: int, activations: int) -> None:
    assert counted(function) == Counts(0, macs, activations)


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_module_as_it_was(training: bool) -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU())
    ).train(training)
    module[1].train(not training)  # such as a frozen normalisation in a network under training
    modes = [part.training for part in module.modules()]
    state = {name: value.clone() for name, value in module.state_dict().items()}
    assert count_module(module, (3, 8, 8)).macs == 36 * 27 * 4
    assert [part.training for part in module.modules()] == modes
    torch.testing.assert_close(module.state_dict(), state, rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in module.parameters())

    module.append(nn.GroupNorm(1, 4))
    with pytest.raises(ValueError, match="no cost rule"):
        count_module(module, (3, 8, 8))
    assert [part.training for part in module.modules()] == [*modes, True]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_counts_do_not_depend_on_the_type(dtype: torch.dtype) -> None:
    for primitive in (Convolution(), LocalAttention(extent=3, heads=2)):
        single = count_module(primitive.build(4, 8, 1, (5, 5)), (4, 5, 5))
        assert count_module(primitive.build(4, 8, 1, (5, 5)).to(dtype), (4, 5, 5)) == single


def test_counts_add_up_with_counts_alone() -> None:
    assert Counts(1, 2, 3) + Counts(10, 20, 30) == Counts(11, 22, 33)
    with pytest.raises(TypeError):
        _ = Counts(1, 2, 3) + (1, 2, 3)  # noqa: RUF005 (no concatenation)
