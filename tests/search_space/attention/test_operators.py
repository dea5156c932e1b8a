"""The functions that layers call: gradients, optional arguments, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from search_space.attention import backend, eager, global_attention, local_attention
from search_space.attention.operands import Operands
from tests.search_space.attention_cases import (
    GLOBAL,
    LOCAL,
    Case,
    assert_close,
    computed,
    implementation,
)
from tests.search_space.comparison import normal


class Form(NamedTuple):
    """An implementation to force; ``dense`` says how the eager one computes windows."""

    name: str
    dense: bool = True

    def force(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Return the context that forces it; the eager form lasts for the rest of the test."""
        implementation(self.name)
        ratio = 10**9 if self.dense else 0
        monkeypatch.setattr(eager, "DENSE_PIXELS_PER_WINDOW_PIXEL", ratio)
        return backend(self.name)


LOCAL_FORMS = [Form("reference"), Form("torch"), Form("torch", dense=False), Form("cpp")]
GLOBAL_FORMS = [Form("reference"), *map(Form, GLOBAL)]


def attend(operands: Operands, *tensors: Tensor | None) -> Tensor:
    """Call the functional interface, with other tensors where they are given."""
    tensors = tensors or operands.tensors
    if operands.extent:
        settings: Any = {"extent": operands.extent, "border": operands.border}
        return local_attention(*tensors, **settings, scale=operands.scale)
    return global_attention(*tensors, scale=operands.scale)


def leaves_of(operands: Operands) -> list[Tensor]:
    """Return the tensors that are not None, each requiring a gradient."""
    return [x.clone().requires_grad_() for x in operands.tensors if x is not None]


def of_leaves(operands: Operands) -> Callable[..., Tensor]:
    """Return :func:`attend` as a function of the tensors that are not None."""

    def function(*leaves: Tensor) -> Tensor:
        given = iter(leaves)
        return attend(operands, *(None if x is None else next(given) for x in operands.tensors))

    return function


CALLS = [
    *(
        (form, case)
        for form in LOCAL_FORMS
        for case in [
            Case(3, (2, 3), batch=1, heads=2, widths=(2, 1)),
            Case(3, (2, 2), "zeros", "sum", (True, True), batch=1, widths=(2, 1)),
            Case(5, (1, 3), content=False, batch=1, heads=1, widths=(2, 2)),
            Case(3, (4, 1), "zeros", "none", batch=1, heads=1, widths=(2, 2)),
        ]
    ),
    *(
        (form, case)
        for form in GLOBAL_FORMS
        for case in [
            Case(0, (2, 3), tables="sum", shared=(True, True), batch=1, widths=(2, 1)),
            Case(0, (1, 3), tables="none", batch=2, heads=1, widths=(1, 2)),
            Case(0, (2, 2), content=False, batch=1, heads=1, widths=(2, 2)),
        ]
    ),
]


@pytest.mark.parametrize(("form", "case"), CALLS, ids=str)
def test_gradients_are_those_of_finite_differences(
    form: Form, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    operands, _ = case.tensors()
    with form.force(monkeypatch):
        assert torch.autograd.gradcheck(of_leaves(operands), leaves_of(operands))


@pytest.mark.parametrize(("form", "case"), CALLS, ids=str)
def test_autograd_gives_what_the_implementation_computes(
    form: Form, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    operands, grad_out = case.tensors()
    leaves = leaves_of(operands)
    with form.force(monkeypatch):
        out = of_leaves(operands)(*leaves)
        wanted = computed(implementation(form.name), operands, grad_out)
    grads = iter(torch.autograd.grad(out, leaves, grad_out))
    by_autograd = [None if x is None else next(grads) for x in operands.tensors]
    results = dict(zip(wanted, [out.detach(), wanted["lse"], *by_autograd], strict=True))
    assert_close(results, wanted, grad_out)


@pytest.mark.parametrize("differentiable", range(5))
@pytest.mark.parametrize(
    ("name", "case"),
    [(name, Case(3, (3, 4), batch=1)) for name in LOCAL] + [("torch", Case(0, (3, 4), batch=1))],
    ids=str,
)
def test_each_tensor_may_be_the_only_one_with_a_gradient(
    name: str, case: Case, differentiable: int
) -> None:
    operands, grad_out = case.tensors()
    tensors = [x.clone() for x in operands.tensors if x is not None]
    tensors[differentiable].requires_grad_()
    implementation(name)
    with backend(name):
        of_leaves(operands)(*tensors).backward(grad_out)
    wanted = [*computed(implementation(name), operands, grad_out).values()][2 + differentiable]
    assert wanted is not None
    for index, tensor in enumerate(tensors):
        assert (tensor.grad is None) == (index != differentiable)
    torch.testing.assert_close(tensors[differentiable].grad, wanted)


@pytest.mark.parametrize(("form", "case"), CALLS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_large_logits_do_not_overflow(
    dtype: torch.dtype, form: Form, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    operands, grad_out = case.tensors(dtype)
    operands = operands._replace(q=1e4 * operands.q)
    leaves = leaves_of(operands)
    with form.force(monkeypatch):
        out = of_leaves(operands)(*leaves)
    assert out.isfinite().all()
    assert out.abs().max() <= operands.v.abs().max() * (1 + 8 * torch.finfo(dtype).eps)
    assert all(grad.isfinite().all() for grad in torch.autograd.grad(out, leaves, grad_out))


@pytest.mark.parametrize(("form", "case"), CALLS, ids=str)
def test_an_empty_batch_has_an_empty_output(
    form: Form, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    operands, _ = case._replace(batch=0).tensors()
    leaves = leaves_of(operands)
    with form.force(monkeypatch):
        out = of_leaves(operands)(*leaves)
    assert out.shape == (0, *operands.v.shape[1:])
    for leaf, grad in zip(leaves, torch.autograd.grad(out.sum(), leaves), strict=True):
        assert grad.shape == leaf.shape
        assert not grad.any()


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("reference", Case(3, (3, 4))),
        ("torch", Case(3, (3, 4))),
        ("cpp", Case(3, (3, 4))),
        ("reference", Case(0, (3, 4))),
        ("torch", Case(0, (3, 4))),
    ],
    ids=str,
)
def test_a_query_that_is_no_number_has_an_output_that_is_none(name: str, case: Case) -> None:
    operands, _ = case.tensors()
    operands.q[1, 0, 0, 2, 1] = torch.nan  # as in training that diverges, which must be seen
    implementation(name)
    with backend(name):
        lost = attend(operands).isnan()
    assert bool(lost[1, 0, :, 2, 1].all())
    assert not lost[0].any()


def test_scale_is_a_factor_of_the_queries() -> None:
    for case in (Case(3, (3, 4), scale=0.3), Case(0, (3, 4), scale=0.3)):
        operands, _ = case.tensors()
        scaled = operands._replace(q=0.3 * operands.q, scale=1.0)
        torch.testing.assert_close(attend(operands), attend(scaled))
        assert not torch.allclose(attend(operands), attend(operands._replace(scale=1.0)))


def test_tables_take_the_type_of_the_queries() -> None:
    operands, _ = Case(3, (3, 4)).tensors(torch.bfloat16)
    assert operands.rows is not None
    assert operands.columns is not None
    tables = [table.float().requires_grad_() for table in (operands.rows, operands.columns)]
    out = attend(operands, *operands.tensors[:3], *tables)
    assert out.dtype == torch.bfloat16
    assert torch.equal(out, attend(operands))
    assert {grad.dtype for grad in torch.autograd.grad(out.sum(), tables)} == {torch.float32}


@pytest.mark.parametrize("name", ["reference", "torch", "cpp"])
def test_autocast_does_not_reach_into_the_operators(name: str) -> None:
    operands, grad_out = Case(3, (3, 4)).tensors(torch.float32)
    implementation(name)
    results = []
    for enabled in (False, True):
        leaves = leaves_of(operands)
        with backend(name), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            out = of_leaves(operands)(*leaves)
            results.append([out, *torch.autograd.grad(out, leaves, grad_out)])
    assert all(torch.equal(off, on) for off, on in zip(*results, strict=True))


def test_gradients_of_tables_keep_their_own_type() -> None:
    """In float16 the sum over a batch would overflow where the loss is scaled up."""
    operands, _ = Case(3, (3, 4)).tensors(torch.float16)
    assert operands.rows is not None
    assert operands.columns is not None
    rows = operands.rows.float().requires_grad_()
    out = attend(operands, *operands.tensors[:3], rows, operands.columns.float())
    grad = torch.autograd.grad(out, rows, torch.full_like(out, 30_000) * operands.v.sign())[0]
    assert grad.dtype == torch.float32
    assert grad.isfinite().all()


def test_errors_name_the_rule_and_the_values() -> None:
    q, k, v = (normal(2, 2, width, 3, 4, seed=width) for width in (4, 4, 3))
    rows, columns = normal(2, 5, 4), normal(2, 7, 4)
    with pytest.raises(ValueError, match=r"k \[2, 2, 4, 3, 3\]"):
        global_attention(q, k[..., :-1], v)
    with pytest.raises(ValueError, match=r"v \[1, 2, 3, 3, 4\]"):
        global_attention(q, k, v[:1])
    with pytest.raises(ValueError, match=r"q \[2, 4, 3, 4\]"):
        local_attention(q[:, 0], k[:, 0], v[:, 0], extent=3)
    with pytest.raises(ValueError, match=r"none but B zero, got q \[2, 2, 4, 0, 4\]"):
        global_attention(q[:, :, :, :0], k[:, :, :, :0], v[:, :, :, :0])
    with pytest.raises(ValueError, match=r"of real numbers, got torch\.int64"):
        global_attention(q.long(), k.long(), v.long())
    with pytest.raises(ValueError, match="on one device, got cpu, meta, cpu"):
        global_attention(q, k.to("meta"), v)
    with pytest.raises(ValueError, match=r"real numbers on cpu, got torch\.float64 on meta"):
        global_attention(q, k, v, rows.to("meta"), columns)
    with pytest.raises(ValueError, match=r"\[1 or h, rows, width\], got rows \[5, 4\]"):
        global_attention(q, k, v, rows[0], columns)
    with pytest.raises(ValueError, match="must be given together"):
        global_attention(q, k, v, rows)
    with pytest.raises(ValueError, match=r"without keys \(k=None\) needs rows and columns"):
        local_attention(q, None, v, extent=3)
    with pytest.raises(
        ValueError, match=r"one dtype, of real numbers, got torch.float64, None, .*32"
    ):
        global_attention(q, None, v.float(), rows, columns)
    with pytest.raises(ValueError, match=r"must have \(5, 7\) rows .* got rows \[2, 7, 4\]"):
        global_attention(q, k, v, columns, rows)
    with pytest.raises(ValueError, match="widths of 4 each or in sum"):
        global_attention(q, k, v, rows[..., :3], columns[..., :3])
    with pytest.raises(ValueError, match="one for each of 2 heads"):
        global_attention(q, k, v, rows.repeat(2, 1, 1)[:3], columns)
    for extent in (0, 2, -3):
        with pytest.raises(ValueError, match=f"extent must be odd and positive, got .*{extent}"):
            local_attention(q, k, v, extent=extent)


def test_an_unknown_border_is_named() -> None:
    q, k, v = (normal(1, 2, 4, 3, 4, seed=seed) for seed in range(3))
    border: Any = "mirrored"
    with pytest.raises(ValueError, match="border must be masked or zeros, got border='mirrored'"):
        local_attention(q, k, v, extent=3, border=border)


def test_a_table_without_channels_is_refused() -> None:
    q, k, v = (normal(1, 2, 4, 3, 4, seed=seed) for seed in range(3))
    rows, columns = normal(2, 3, 4), normal(2, 3, 0)
    with pytest.raises(ValueError, match="widths of 4 each or in sum"):
        local_attention(q, k, v, rows, columns, extent=3)
