"""PyTorch's own checks of the attention operators, and what it may hand to them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from search_space.attention import block_attention, global_attention, local_attention
from tests.search_space.attention_leaves import HEADS, VALUE_DEPTH, projected, tables_of
from tests.search_space.comparison import gradients


@pytest.mark.parametrize("border", ["masked", "zeros"])
@pytest.mark.parametrize(("extent", "hw"), [(3, (2, 3)), (3, (5, 8)), (5, (2, 2))])
def test_gradcheck_of_local_attention(extent: int, hw: tuple[int, int], border: Any) -> None:
    tables = tables_of("concatenation", (extent, extent))
    assert tables is not None
    q, k, v = (part[:, :1].detach().requires_grad_() for part in projected(hw, batch=1))
    tables = tuple(table[:1].detach().requires_grad_() for table in tables)
    assert torch.autograd.gradcheck(
        lambda *leaves: local_attention(*leaves, extent=extent, border=border), (q, k, v, *tables)
    )
    assert torch.autograd.gradcheck(
        lambda q, *others: local_attention(q, None, *others, extent=extent, border=border),
        (q, v, *tables),
    )


@pytest.mark.parametrize("hw", [(2, 3), (1, 3)])
@pytest.mark.parametrize("kind", ["none", "sum"])
def test_gradcheck_of_global_attention(kind: str, hw: tuple[int, int]) -> None:
    tables = tables_of(kind, (2 * hw[0] - 1, 2 * hw[1] - 1), shared=True)
    assert torch.autograd.gradcheck(global_attention, (*projected(hw, batch=1), *(tables or ())))


def channels_last(x: Tensor) -> Tensor:
    """The same numbers, the heads' channels innermost in memory."""
    return x.detach().permute(0, 3, 4, 1, 2).contiguous().permute(0, 3, 4, 1, 2).requires_grad_()


QUICK_CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor")
ALL_CHECKS = (*QUICK_CHECKS, "test_aot_dispatch_dynamic")


@pytest.mark.parametrize(
    ("extent", "border", "layout", "checks"),
    [
        (0, "masked", "contiguous", ALL_CHECKS),
        (0, "masked", "channels last", QUICK_CHECKS),
        (3, "masked", "contiguous", QUICK_CHECKS),  # dense on this map, as global attention is
        (3, "masked", "channels last", QUICK_CHECKS),
        (1, "masked", "contiguous", ALL_CHECKS),  # by shifts on this map
        (3, "zeros", "contiguous", QUICK_CHECKS),
        (3, "zeros", "channels last", QUICK_CHECKS),
    ],
)
def test_opcheck(extent: int, border: str, layout: str, checks: tuple[str, ...]) -> None:
    q, k, v = projected((3, 4))
    if layout == "channels last":
        q, k, v = (channels_last(part) for part in (q, k, v))
    tables = tables_of("concatenation", (extent, extent) if extent else (5, 7))
    assert tables is not None
    if extent:
        operator, settings = torch.ops.convattn.local_attention.default, (extent, border)
    else:
        operator, settings = torch.ops.convattn.global_attention.default, ()
    torch.library.opcheck(operator, (q, k, v, *tables, *settings), test_utils=checks)
    torch.library.opcheck(operator, (q, k, v, None, None, *settings), test_utils=QUICK_CHECKS)
    torch.library.opcheck(operator, (q, None, v, *tables, *settings), test_utils=QUICK_CHECKS)


@pytest.mark.parametrize("border", ["masked", "zeros"])
def test_memory_layout_does_not_matter(border: Any) -> None:
    leaves = [*projected((5, 8)), *(tables_of("concatenation", (3, 3)) or ())]
    others = [*map(channels_last, leaves[:3]), *leaves[3:]]
    out, other = (local_attention(*each, extent=3, border=border) for each in (leaves, others))
    torch.testing.assert_close(out, other, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        gradients(out, leaves), gradients(other, others), rtol=1e-10, atol=1e-11
    )


@pytest.mark.parametrize("extent", [0, 3, 5])
def test_expanded_gradient(extent: int) -> None:
    leaves = projected((4, 10))
    outs = [
        local_attention(*leaves, extent=extent) if extent else global_attention(*leaves)
        for _ in range(2)
    ]
    expanded = torch.autograd.grad(outs[0].sum(), leaves)  # one stored number, strides of zero
    plain = torch.autograd.grad(outs[1], leaves, torch.ones_like(outs[1]))
    torch.testing.assert_close(expanded, plain)


@pytest.mark.parametrize("extent", [0, 3, 5])
def test_empty_batch(extent: int) -> None:
    hw = (4, 10)
    q, k, v = projected(hw, batch=0)
    out = local_attention(q, k, v, extent=extent) if extent else global_attention(q, k, v)
    assert out.shape == (0, HEADS, VALUE_DEPTH, *hw)
    assert all(slope.shape[0] == 0 for slope in torch.autograd.grad(out.sum(), [q, k, v]))


class Zeros(TorchDispatchMode):
    """Notes the shape of every tensor of zeros that is made."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if "zeros" in func.name():
            self.shapes.append(tuple(out.shape))
        return out


@pytest.mark.parametrize(
    ("attend", "probabilities"),
    [
        (global_attention, (1, HEADS, 24, 24)),
        (lambda *qkv: local_attention(*qkv, extent=3), (1, HEADS, 24, 24)),
        (lambda *qkv: block_attention(*qkv, block=2), (6, HEADS, 4, 4)),
    ],
    ids=["global", "local", "block"],
)
def test_no_gradient_of_the_probabilities_is_made_up(
    attend: Any, probabilities: tuple[int, ...]
) -> None:
    """Autograd would hand the backward pass zeros for it, as large as the attention matrix."""
    leaves = projected((4, 6), batch=1)
    out = attend(*leaves)
    with Zeros() as made:
        gradients(out, leaves)
    assert probabilities not in made.shapes
