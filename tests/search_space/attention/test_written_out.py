"""Attention written out in standard operators: the same values and gradients as the definition."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from search_space.attention import (
    backend,
    block_attention,
    exportable,
    global_attention,
    local_attention,
)
from search_space.attention.operands import Operands
from search_space.attention.reference import forward
from search_space.attention.written_out import BLOCK, Axis, attention
from tests.search_space.attention_cases import Case

CASES = [
    Case(7, (1, 1)),
    Case(7, (5, 3)),
    Case(7, (16, 16)),  # two blocks a side
    Case(7, (9, 20)),  # blocks that reach off the map
    Case(13, (28, 10), tables="sum"),
    Case(3, (17, 8), border="zeros"),
    Case(9, (4, 4), border="zeros", tables="none"),  # a window larger than the map
    Case(1, (10, 10), content=False),
    Case(5, (11, 24), content=False, tables="sum", shared=(True, True)),
    Case(0, (6, 9)),
    Case(0, (6, 9), tables="none"),
    Case(0, (3, 1), tables="sum", shared=(True, False), content=False),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_computes_the_definition(case: Case) -> None:
    operands, _ = case.tensors()
    torch.testing.assert_close(attention(operands), forward(operands)[0], rtol=0, atol=1e-12)


@settings(deadline=None)
@given(
    height=st.integers(1, 2 * BLOCK + 3),
    width=st.integers(1, 2 * BLOCK + 3),
    radius=st.integers(0, 5),
    border=st.sampled_from(["masked", "zeros"]),
    tables=st.sampled_from(["none", "sum", "concatenation"]),
    seed=st.integers(0, 99),
)
def test_it_computes_the_definition_at_any_size(
    height: int, width: int, radius: int, border: str, tables: str, seed: int
) -> None:
    case = Case(2 * radius + 1, (height, width), border=border, tables=tables, seed=seed)
    operands, _ = case.tensors()
    torch.testing.assert_close(attention(operands), forward(operands)[0], rtol=0, atol=1e-12)


def test_logits_a_pixel_are_those_of_a_block_and_its_halo() -> None:
    axis = Axis(length=56, side=BLOCK, halo=3, radius=3, is_masked=True)
    assert (axis.blocks, axis.seen, axis.off_the_map) == (7, 14, 0)
    assert axis.seen**2 / 7**2 == 4  # logits a query, for a window of 49


@pytest.mark.parametrize("case", [CASES[2], CASES[9]], ids=str)
def test_gradients_go_through_standard_operators(case: Case) -> None:
    operands, grad_out = case.tensors()
    inputs = [x.requires_grad_() for x in operands.tensors if x is not None]
    grads = torch.autograd.grad(attention(operands), inputs, grad_out)
    with backend("reference"):
        expected = through_the_interface(operands)
    for got, wanted in zip(grads, torch.autograd.grad(expected, inputs, grad_out), strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-11)


def through_the_interface(operands: Operands) -> torch.Tensor:
    if operands.extent:
        return local_attention(*operands.tensors, extent=operands.extent, scale=operands.scale)
    return global_attention(*operands.tensors, scale=operands.scale)


@pytest.mark.parametrize("kind", ["local", "global", "block"])
def test_inside_exportable_tracing_sees_standard_operators_alone(kind: str) -> None:
    x = torch.randn(2, 2, 4, 16, 16)

    class Layer(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if kind == "block":
                return block_attention(x, x, x, block=4)
            extent = 3 if kind == "local" else 0
            return through_the_interface(Operands(x, x, x, None, None, 1.0, extent, "masked"))

    shapes = ({0: torch.export.Dim.DYNAMIC},)
    with exportable(), warnings.catch_warnings():
        warnings.simplefilter("error")
        program = torch.export.export(Layer(), (x,), dynamic_shapes=shapes)
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert not any("convattn" in name for name in called)
    plain = torch.export.export(Layer(), (x,), dynamic_shapes=shapes)
    assert any("convattn" in str(node.target) for node in plain.graph.nodes)
    batch = torch.randn(3, 2, 4, 16, 16)
    torch.testing.assert_close(program.module()(batch), plain.module()(batch))
