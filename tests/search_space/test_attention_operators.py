"""Local and global attention: the operators and each implementation against the loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from search_space.attention import global_attention, local_attention, local_implementation
from search_space.attention.dense import dense_backward, dense_forward
from search_space.attention.shifts import shifts_backward, shifts_forward
from tests.search_space import naive
from tests.search_space.attention_leaves import HEADS, Tables, projected, tables_of
from tests.search_space.comparison import gradients, normal


def oracle(
    q: Tensor, k: Tensor | None, v: Tensor, tables: Tables, kind: str, extent: int, border: str
) -> Tensor:
    position = None
    if tables is not None:
        named = {"sum": naive.position_sum, "concatenation": naive.position_concatenation}
        position = named[kind](*tables)
    radius = extent // 2 if extent else None
    return torch.stack(
        [
            naive.attention(q[b], None if k is None else k[b], v[b], position, radius, border)
            for b in range(q.shape[0])
        ]
    )


def run(
    implementation: str,
    inputs: list[Tensor | None],
    extent: int,
    border: str,
    grad_out: Tensor,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Output, probabilities, gradients by direct calls of one implementation."""
    q, k, v, rows, columns = (None if given is None else given.detach() for given in inputs)
    assert q is not None
    assert v is not None
    if implementation == "dense":
        out, p = dense_forward(q, k, v, rows, columns, extent)
        grads = dense_backward(grad_out, q, k, v, rows, columns, out, p)
    else:
        out, p = shifts_forward(q, k, v, rows, columns, extent, border)
        grads = shifts_backward(grad_out, q, k, v, rows, columns, out, p)
    return out, p, [grad for grad in grads if grad is not None]


IMPLEMENTATION_CASES = [
    # implementation, extent, border, tables, one table for all heads, map
    *(
        (name, *case)
        for name in ("dense", "shifts")
        for case in [
            (1, "masked", "concatenation", False, (3, 4)),
            (3, "masked", "concatenation", False, (5, 7)),
            (3, "masked", "concatenation", True, (4, 3)),
            (3, "masked", "sum", False, (3, 5)),
            (3, "masked", "sum", True, (5, 3)),
            (3, "masked", "none", False, (5, 7)),
            (3, "masked", "concatenation", False, (9, 11)),
            (5, "masked", "concatenation", False, (5, 7)),
            (5, "masked", "sum", True, (1, 4)),
            (7, "masked", "concatenation", False, (2, 3)),
            (7, "masked", "none", False, (4, 1)),
            (9, "masked", "concatenation", True, (5, 2)),
        ]
    ),
    ("shifts", 1, "zeros", "concatenation", False, (3, 2)),
    ("shifts", 3, "zeros", "concatenation", False, (5, 7)),
    ("shifts", 3, "zeros", "sum", True, (3, 5)),
    ("shifts", 3, "zeros", "none", False, (4, 5)),
    ("shifts", 5, "zeros", "concatenation", True, (1, 4)),
    ("shifts", 7, "zeros", "sum", False, (2, 3)),
    ("shifts", 9, "zeros", "none", False, (3, 1)),
]


@pytest.mark.parametrize(
    ("implementation", "extent", "border", "kind", "shared", "hw"), IMPLEMENTATION_CASES
)
def test_each_implementation_of_local_attention(
    implementation: str, extent: int, border: str, kind: str, shared: bool, hw: tuple[int, int]
) -> None:
    leaves = projected(hw, batch=1 if hw == (9, 11) else 2)
    tables = tables_of(kind, (extent, extent), shared=shared)
    assert_implementation(implementation, leaves, tables, kind, extent, border)


@pytest.mark.parametrize(
    ("implementation", "extent", "border", "kind", "shared", "hw"),
    [
        ("dense", 3, "masked", "concatenation", False, (5, 7)),
        ("dense", 5, "masked", "sum", True, (3, 4)),
        ("shifts", 3, "masked", "concatenation", False, (5, 7)),
        ("shifts", 5, "masked", "sum", True, (3, 4)),
        ("shifts", 3, "zeros", "concatenation", True, (4, 5)),
        ("shifts", 5, "zeros", "sum", False, (2, 3)),
    ],
)
def test_logits_of_position_alone(
    implementation: str, extent: int, border: str, kind: str, shared: bool, hw: tuple[int, int]
) -> None:
    q, _, v = projected(hw)
    tables = tables_of(kind, (extent, extent), shared=shared)
    assert_implementation(implementation, [q, None, v], tables, kind, extent, border)


def assert_implementation(
    implementation: str,
    projections: list[Tensor | None] | list[Tensor],
    tables: Tables,
    kind: str,
    extent: int,
    border: str,
) -> None:
    """Forward and every gradient as the loops have them, by direct calls."""
    q, k, v = projections
    assert q is not None
    assert v is not None
    inputs = [q, k, v, *(tables or (None, None))]
    leaves = [given for given in inputs if given is not None]
    expected = oracle(q, k, v, tables, kind, extent, border)
    grad_out = normal(*expected.shape, seed=2)
    out, probabilities, grads = run(implementation, inputs, extent, border, grad_out)
    torch.testing.assert_close(out, expected.detach(), rtol=1e-10, atol=1e-11)
    wanted = torch.autograd.grad(expected, leaves, grad_out)
    torch.testing.assert_close(grads, list(wanted), rtol=1e-9, atol=1e-10)
    total = probabilities.sum(-1 if implementation == "dense" else 2)
    torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize("hw", [(3, 4), (1, 5), (4, 2)])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("kind", ["none", "sum", "concatenation"])
def test_global_attention(kind: str, shared: bool, hw: tuple[int, int]) -> None:
    q, k, v = projected(hw)
    tables = tables_of(kind, (2 * hw[0] - 1, 2 * hw[1] - 1), shared=shared)
    leaves = [q, k, v, *(tables or ())]
    out = global_attention(q, k, v, *(tables or ()))
    expected = oracle(q, k, v, tables, kind, 0, "masked")
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(
        gradients(out, leaves), gradients(expected, leaves), rtol=1e-9, atol=1e-10
    )


def test_global_attention_without_keys() -> None:
    q, _, v = projected((3, 4))
    tables = tables_of("sum", (5, 7)) or ()
    out = global_attention(q, None, v, *tables)
    expected = oracle(q, None, v, tables, "sum", 0, "masked")
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-11)
    leaves = [q, v, *tables]
    torch.testing.assert_close(
        gradients(out, leaves), gradients(expected, leaves), rtol=1e-9, atol=1e-10
    )


@pytest.mark.parametrize(
    ("hw", "extent", "border", "used"),
    [
        ((6, 6), 3, "masked", "dense"),
        ((6, 6), 3, "zeros", "shifts"),
        ((5, 7), 3, "masked", "dense"),
        ((9, 11), 3, "masked", "shifts"),
        ((14, 14), 7, "masked", "dense"),
        ((28, 28), 7, "masked", "shifts"),
        ((2, 2), 1, "masked", "dense"),
        ((2, 3), 1, "masked", "shifts"),
    ],
)
def test_choice_of_the_implementation(
    hw: tuple[int, int], extent: int, border: str, used: str
) -> None:
    assert local_implementation(*hw, extent, border) == used
    saved = torch.ops.convattn.local_attention(
        *projected(hw, batch=1, grad=False), None, None, extent, border
    )[1]
    pixels = hw[0] * hw[1]
    shape = (pixels, pixels) if used == "dense" else (extent * extent, *hw)
    assert saved.shape == (1, HEADS, *shape)


def test_large_logits_do_not_overflow() -> None:
    q, k, v = projected((3, 9), grad=False)
    for out in (
        global_attention(1e4 * q, k, v),
        local_attention(1e4 * q, k, v, extent=1 + 2),
        local_attention(1e4 * q, k, v, extent=3, border="zeros"),
    ):
        assert out.isfinite().all()


def test_errors_name_the_shapes() -> None:
    q, k, v = projected((3, 4), grad=False)
    rows, columns = tables_of("sum", (5, 7), grad=False) or ()
    with pytest.raises(ValueError, match=r"k \[2, 2, 4, 3, 3\]"):
        global_attention(q, k[..., :-1], v)
    with pytest.raises(ValueError, match=r"v \[1, 2, 3, 3, 4\]"):
        global_attention(q, k, v[:1])
    with pytest.raises(ValueError, match="must be given together"):
        global_attention(q, k, v, rows)
    with pytest.raises(ValueError, match=r"without keys \(k=None\) needs rows and columns"):
        local_attention(q, None, v, extent=3)
    with pytest.raises(ValueError, match=r"must have one dtype, got torch.float64, None, .*32"):
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
