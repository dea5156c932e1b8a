"""Every implementation of attention against the reference: output, lse and all gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from search_space.attention import eager, reference
from tests.search_space.attention_cases import (
    GLOBAL,
    LOCAL,
    TOLERANCE,
    Case,
    assert_close,
    cases,
    computed,
    implementation,
)
from tests.search_space.strategies import examples

pytestmark = pytest.mark.many_cases

WINDOWS = [
    Case(1, (3, 4)),
    Case(1, (2, 3), "zeros", "sum"),
    Case(3, (5, 7), shared=(True, True)),
    Case(3, (9, 11), widths=(5, 5), row_width=2, heads=3),
    Case(3, (4, 5), "zeros", "none"),
    Case(3, (6, 1), tables="sum", shared=(True, False)),
    Case(5, (1, 4), "zeros", widths=(20, 20), row_width=7),
    Case(5, (12, 13), tables="sum", widths=(1, 1), batch=3),  # by shifts
    Case(5, (3, 5), content=False, widths=(3, 20)),
    Case(7, (14, 14), tables="none", batch=1),  # the largest that is dense
    Case(7, (2, 3), "zeros", "sum", content=False, shared=(False, True)),
    Case(7, (15, 17), widths=(8, 8), row_width=4, batch=1),
    Case(7, (7, 7), "zeros", layout="channels_last", widths=(1, 1), tables="sum", heads=3),
    Case(9, (5, 21), "zeros", widths=(5, 3), row_width=3, layout="slices"),
    Case(11, (6, 13), shared=(True, True), layout="channels_last"),
    Case(11, (23, 24), content=False, batch=1, heads=1),  # by shifts
    Case(31, (4, 6), "zeros"),  # the largest that the compiled kernel takes
]
MAPS = [
    Case(0, (1, 1), tables="none"),
    Case(0, (5, 7), tables="sum", shared=(True, True)),
    Case(0, (7, 4), widths=(5, 20), row_width=3, heads=3),
    Case(0, (1, 9), tables="sum", content=False, layout="channels_last"),
    Case(0, (14, 15), tables="none", widths=(20, 1), batch=1, layout="slices"),
]


@contextmanager
def eager_settings(case: Case, maps: int, dense: bool) -> Iterator[None]:
    """Give slices ``maps`` images times heads; compute windows densely if possible, or never."""
    pixels = case.hw[0] * case.hw[1]
    with (
        mock.patch.object(eager, "SLICE_PAIRS", maps * pixels**2),
        mock.patch.object(eager, "SLICE_ELEMENTS", maps * pixels * max(case.widths)),
        mock.patch.object(eager, "DENSE_PIXELS_PER_WINDOW_PIXEL", 10**9 if dense else 0),
    ):
        yield


def assert_conforms(name: str, case: Case, dtype: torch.dtype) -> None:
    operands, grad_out = case.tensors(dtype)
    results = computed(implementation(name), operands, grad_out)
    assert_close(results, computed(reference, operands, grad_out), grad_out)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(
    ("name", "case"),
    [(name, case) for name in LOCAL for case in WINDOWS]
    + [(name, case) for name in GLOBAL for case in MAPS],
    ids=str,
)
def test_each_variant_is_that_of_the_reference(name: str, case: Case, dtype: torch.dtype) -> None:
    assert_conforms(name, case, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", LOCAL)
def test_any_local_call_is_that_of_the_reference(name: str, dtype: torch.dtype) -> None:
    @examples(60)
    @given(case=cases(), maps=st.integers(1, 9), dense=st.booleans())
    def check(case: Case, maps: int, dense: bool) -> None:
        with eager_settings(case, maps, dense):
            assert_conforms(name, case, dtype)

    check()


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", GLOBAL)
def test_any_global_call_is_that_of_the_reference(name: str, dtype: torch.dtype) -> None:
    @examples(40)
    @given(case=cases(extents=(0,)), maps=st.integers(1, 9))
    def check(case: Case, maps: int) -> None:
        with eager_settings(case, maps, dense=True):
            assert_conforms(name, case, dtype)

    check()


@pytest.mark.parametrize(
    ("first", "second", "case"),
    [
        (first, second, case)
        for names, cases_of in ((LOCAL, WINDOWS[2:6]), (GLOBAL, MAPS[:2]))
        for first in ("reference", *names)
        for second in ("reference", *names)
        for case in cases_of
        if first != second
    ],
    ids=str,
)
def test_any_computes_the_backward_pass_of_any(first: str, second: str, case: Case) -> None:
    operands, grad_out = case.tensors()
    forwards, backwards = implementation(first), implementation(second)
    both: Any = SimpleNamespace(
        problem=backwards.problem, forward=forwards.forward, backward=backwards.backward
    )
    results = computed(both, operands, grad_out)
    assert_close(results, computed(reference, operands, grad_out), grad_out)
