"""PyTorch's own checks of the attention operators, and the tensors kept for the backward pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from search_space.attention import block_attention, global_attention, local_attention
from search_space.attention.operands import Operands
from tests.search_space.attention_cases import Case, implementation
from tests.search_space.comparison import gradients

pytestmark = pytest.mark.many_cases

QUICK_CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor")
ALL_CHECKS = (*QUICK_CHECKS, "test_aot_dispatch_dynamic")

WINDOW, WHOLE_MAP = Case(3, (3, 4)), Case(0, (3, 4), tables="sum")
VARIANTS = [
    *(
        (case._replace(layout=layout, tables=tables, content=content), QUICK_CHECKS)
        for case in (WINDOW, WHOLE_MAP)
        for layout in ("contiguous", "channels_last")
        for tables, content in [("none", True), ("sum", False), ("concatenation", True)]
    ),
    (Case(3, (5, 8), "zeros"), QUICK_CHECKS),
    (WINDOW, ALL_CHECKS),
    (WHOLE_MAP, ALL_CHECKS),
]


def call(operands: Operands, name: str) -> tuple[Any, tuple[Any, ...]]:
    """Return the operator and its arguments."""
    tensors = [None if x is None else x.requires_grad_() for x in operands.tensors]
    if operands.extent:
        settings: tuple[Any, ...] = (operands.extent, operands.border, operands.scale, name)
        return torch.ops.convattn.local_attention.default, (*tensors, *settings)
    return torch.ops.convattn.global_attention.default, (*tensors, operands.scale, name)


@pytest.mark.parametrize(("case", "checks"), VARIANTS, ids=str)
def test_opcheck_of_the_forward_operators(case: Case, checks: tuple[str, ...]) -> None:
    operator, arguments = call(case.tensors()[0], "")
    torch.library.opcheck(operator, arguments, test_utils=checks)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("name", "case"),
    [(name, WINDOW) for name in ("reference", "torch", "cpp")]
    + [(name, WHOLE_MAP) for name in ("reference", "torch")],
    ids=str,
)
def test_fake_kernels_agree_with_each_implementation(
    name: str, case: Case, dtype: torch.dtype
) -> None:
    module = implementation(name)
    for layout in ("contiguous", "slices", "channels_last"):
        operands, grad_out = case._replace(layout=layout).tensors(dtype)
        operator, arguments = call(operands, name)
        torch.library.opcheck(operator, arguments, test_utils="test_faketensor")
        with torch.no_grad():
            results = module.forward(operands)
        settings = (operands.extent, operands.border, operands.scale, name)
        torch.library.opcheck(
            torch.ops.convattn.attention_backward.default,
            (grad_out, *operands.tensors, *results, *settings),
            test_utils="test_faketensor",
        )


@pytest.mark.parametrize(
    "case",
    [WINDOW, WHOLE_MAP, WINDOW._replace(content=False), WHOLE_MAP._replace(tables="none")],
    ids=str,
)
def test_opcheck_of_the_backward_operator(case: Case) -> None:
    operands, grad_out = case.tensors()
    results = implementation("torch").forward(operands)
    settings = (operands.extent, operands.border, operands.scale, "")
    torch.library.opcheck(
        torch.ops.convattn.attention_backward.default,
        (grad_out, *operands.tensors, *results, *settings),
        test_utils=ALL_CHECKS,
    )


@pytest.mark.parametrize(
    ("name", "case"),
    [(name, WINDOW) for name in ("reference", "torch", "cpp")]
    + [(name, WHOLE_MAP) for name in ("reference", "torch")],
    ids=str,
)
def test_only_inputs_output_and_lse_are_kept_for_the_backward_pass(name: str, case: Case) -> None:
    implementation(name)
    operator, arguments = call(case.tensors()[0], name)
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out, lse = operator(*arguments)
    wanted = [*arguments[:5], out, lse]
    assert [x.data_ptr() for x in kept] == [x.data_ptr() for x in wanted]
    assert [x.shape for x in kept] == [x.shape for x in wanted]


def test_the_lse_has_no_gradient() -> None:
    operator, arguments = call(WINDOW.tensors()[0], "")
    out, lse = operator(*arguments)
    assert out.requires_grad
    assert not lse.requires_grad


class Zeros(TorchDispatchMode):
    """Recorder of the shape of every new tensor of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if "zeros" in func.name():
            self.shapes.append(tuple(out.shape))
        return out


@pytest.mark.parametrize(
    ("attend", "lse"),
    [
        (global_attention, (1, 2, 4, 6)),
        (lambda *qkv: local_attention(*qkv, extent=3), (1, 2, 4, 6)),
        (lambda *qkv: block_attention(*qkv, block=2), (6, 2, 2, 2)),
    ],
    ids=["global", "local", "block"],
)
def test_no_gradient_of_the_lse_is_made_up(attend: Any, lse: tuple[int, ...]) -> None:
    leaves = [x.requires_grad_() for x in Case(3, (4, 6), batch=1).tensors()[0][:3]]
    out = attend(*leaves)
    with Zeros() as made:
        gradients(out, leaves)
    assert lse not in made.shapes
