"""The reference against loops over pixels; all other implementations are compared with it."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from search_space.attention import reference
from search_space.attention.operands import Operands
from tests.search_space import naive
from tests.search_space.attention_cases import NAMES, Case, computed

pytestmark = pytest.mark.many_cases


def loops(operands: Operands, v: Tensor) -> Tensor:
    """Apply ``naive.attention`` to every image, with the values ``v``."""
    q, k, _, rows, columns = operands.tensors
    position = None
    if rows is not None and columns is not None:
        summed = rows.shape[2] == q.shape[2]
        position = (naive.position_sum if summed else naive.position_concatenation)(rows, columns)
    radius = operands.extent // 2 if operands.extent else None
    return torch.stack(
        [
            naive.attention(
                operands.scale * q[b],
                None if k is None else k[b],
                v[b],
                position,
                radius,
                operands.border,
            )
            for b in range(len(q))
        ]
    )


def probabilities_of_itself(operands: Operands) -> Tensor:
    """Return the weight with which every pixel attends to itself: ``[B, h, H, W]``."""
    batch, heads, _, height, width = operands.v.shape
    pixels = height * width
    each = torch.eye(pixels, dtype=torch.float64).view(pixels, height, width)
    full = loops(operands, each.expand(batch, heads, -1, -1, -1)).flatten(3)
    return full.diagonal(dim1=2, dim2=3).unflatten(2, (height, width))


def logits_of_itself(operands: Operands) -> Tensor:
    """Compute each pixel's logit with itself, ``[B, h, H, W]``, from the definition."""
    q, k, _, rows, columns = operands.tensors
    key = torch.zeros_like(q) if k is None else k
    if rows is not None and columns is not None:
        row, column = (
            table[:, table.shape[1] // 2].expand(q.shape[1], -1) for table in (rows, columns)
        )
        summed = rows.shape[2] == q.shape[2]
        key = key + (row + column if summed else torch.cat([row, column], 1))[..., None, None]
    return operands.scale * (q * key).sum(2)


WINDOWS = [(1, (2, 3)), (3, (4, 3)), (5, (3, 4)), (7, (1, 3)), (3, (2, 1))]
VARIANTS = [
    *(
        Case(extent, hw, border, tables, (shared, shared), content)
        for (extent, hw), border in product(WINDOWS, ("masked", "zeros"))
        for tables, shared, content in [
            ("none", False, True),
            ("sum", False, True),
            ("concatenation", True, True),
            ("sum", True, False),
            ("concatenation", False, False),
        ]
    ),
    *(
        Case(0, hw, "masked", tables, (shared, shared), content)
        for hw in [(3, 4), (1, 3), (2, 2)]
        for tables, shared, content in [
            ("none", False, True),
            ("sum", True, True),
            ("sum", False, False),
            ("concatenation", False, True),
        ]
    ),
    Case(3, (3, 2), tables="sum", shared=(True, False)),
    Case(3, (2, 3), shared=(False, True)),
    Case(9, (3, 2), heads=3, widths=(5, 1), row_width=3),
    Case(11, (2, 3), "zeros", "sum", widths=(1, 5), batch=1),
]


@pytest.mark.parametrize("case", VARIANTS, ids=str)
def test_forward_and_every_gradient_are_those_of_the_loops(case: Case) -> None:
    operands, grad_out = case.tensors()
    results = computed(reference, operands, grad_out)
    leaves = [None if x is None else x.clone().requires_grad_() for x in operands.tensors]
    traced = Operands(*leaves, *operands[5:])
    out = loops(traced, traced.v)
    given = [leaf for leaf in leaves if leaf is not None]
    # Autograd has none (None) where a single key has all the weight, whatever its logit.
    grads = iter(torch.autograd.grad(out, given, grad_out, allow_unused=True))
    lse = logits_of_itself(operands) - probabilities_of_itself(operands).log()
    wanted = [out.detach(), lse, *(None if leaf is None else next(grads) for leaf in leaves)]
    for name, mine, true in zip(NAMES, results.values(), wanted, strict=True):
        if mine is None:
            assert true is None, name
            continue
        torch.testing.assert_close(
            mine,
            torch.zeros_like(mine) if true is None else true,
            rtol=1e-10,
            atol=1e-11,
            msg=lambda text, name=name: f"{name}: {text}",
        )


def test_lower_precision_is_the_definition_rounded_at_the_end() -> None:
    operands, grad_out = Case(3, (4, 5)).tensors(torch.bfloat16)
    exact = operands._replace(**{n: getattr(operands, n).double() for n in Operands._fields[:5]})
    results = computed(reference, operands, grad_out)
    wanted = computed(reference, exact, grad_out.double())
    for name in NAMES:
        mine, true = results[name], wanted[name]
        assert mine is not None
        assert true is not None
        assert mine.dtype == (torch.float32 if name == "lse" else torch.bfloat16), name
        assert torch.equal(mine, true.to(mine.dtype)), name
