"""The projection by place in a block: against its definition, PyTorch's checks, and its cost."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from search_space.layers.blockwise_projection import blockwise_projection
from search_space.layers.mixed_values import MixedValues
from search_space.primitives.attention_stem import AttentionStem
from search_space.tracing.counts import count_module
from tests.search_space.comparison import gradients, normal


def by_loops(x: Tensor, matrices: Tensor) -> Tensor:
    block = len(matrices)
    rows = [
        torch.stack(
            [
                x[:, :, i, j] @ matrices[i % block, j % block].T  # [B, w]
                for j in range(x.shape[3])
            ],
            dim=2,
        )
        for i in range(x.shape[2])
    ]
    return torch.stack(rows, dim=2)


@pytest.mark.parametrize(("hw", "block"), [((4, 6), 2), ((3, 3), 3), ((2, 3), 1)])
def test_every_pixel_meets_the_matrix_of_its_place(hw: tuple[int, int], block: int) -> None:
    x = normal(2, 3, *hw).requires_grad_()
    matrices = normal(block, block, 5, 3, seed=1).requires_grad_()
    out, wanted = blockwise_projection(x, matrices, 4), by_loops(x, matrices)
    torch.testing.assert_close(out, wanted)
    torch.testing.assert_close(gradients(out, [x, matrices]), gradients(wanted, [x, matrices]))
    assert torch.autograd.gradcheck(lambda *given: blockwise_projection(*given, 4), (x, matrices))


@pytest.mark.parametrize("channels_last", [False, True])
def test_opcheck(channels_last: bool) -> None:
    x = normal(2, 3, 4, 6)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    operator = torch.ops.convattn.blockwise_projection.default
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    given = (x.requires_grad_(), normal(2, 2, 5, 3, seed=1).requires_grad_(), 4)
    torch.library.opcheck(operator, given, test_utils=checks)


def test_an_empty_batch() -> None:
    assert blockwise_projection(normal(0, 3, 4, 4), normal(2, 2, 5, 3), 1).shape == (0, 5, 4, 4)


class Mixed(nn.Module):
    """The equation as it is written: all projections, then their mixture."""

    def __init__(self, values: MixedValues) -> None:
        super().__init__()
        self.values = values

    def forward(self, x: Tensor) -> Tensor:
        values = self.values
        blocks = x.shape[2] // values.block, x.shape[3] // values.block
        weights = values.mixture_weights().repeat(1, *blocks)
        return (values.matrices(x).unflatten(1, (values.mixtures, -1)) * weights[:, None]).sum(1)


def test_mixing_the_matrices_is_mixing_the_projections_and_costs_as_much() -> None:
    torch.manual_seed(0)
    values = MixedValues(3, 6, block=2, mixtures=4, embedding_width=5).double()
    written = Mixed(values)
    x = normal(2, 3, 4, 6)
    torch.testing.assert_close(values(x), written(x))
    assert count_module(values, (3, 4, 6)) == count_module(written, (3, 4, 6))


def test_autocast_ends_at_the_operator() -> None:
    given = normal(2, 3, 4, 6).float(), normal(2, 2, 5, 3, seed=1).float(), 4
    with torch.autocast("cpu", torch.bfloat16):
        out = blockwise_projection(*given)
    assert torch.equal(out, blockwise_projection(*given))


def test_the_stem_is_exported_for_any_batch() -> None:
    stem = AttentionStem(width=4, heads=2, block=2).build(3).eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    images = torch.randn(2, 3, 4, 6)
    program = torch.export.export(stem, (images,), dynamic_shapes=({0: batch},)).module()
    more = torch.randn(5, 3, 4, 6)
    torch.testing.assert_close(program(more), stem(more))
