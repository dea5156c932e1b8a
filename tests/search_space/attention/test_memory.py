"""Memory in attention's implementations: layouts, inputs not written to, equal bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor

from search_space.attention import cpp, reference
from search_space.attention.operands import Operands, empty_like_layout
from tests.search_space.attention_cases import (
    GLOBAL,
    LOCAL,
    Case,
    assert_close,
    cases,
    computed,
    implementation,
)
from tests.search_space.strategies import examples

WINDOWS = [
    Case(3, (5, 7), heads=3),
    Case(3, (9, 12), tables="none", layout="slices"),
    Case(5, (4, 6), "zeros", "sum", shared=(True, True), layout="channels_last"),
    Case(7, (2, 3), content=False),
]
MAPS = [Case(0, (4, 5), tables="sum"), Case(0, (2, 6), tables="none", layout="channels_last")]
COMPARED = [(name, case) for name in LOCAL for case in WINDOWS] + [
    (name, case) for name in GLOBAL for case in MAPS
]
ALL = COMPARED + [("reference", case) for case in WINDOWS + MAPS]


@contextmanager
def poisoned_memory() -> Iterator[None]:
    """Fill new memory with NaN, or with the largest integers."""
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    )
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.utils.deterministic.fill_uninitialized_memory = before[1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("name", "case"), COMPARED, ids=str)
def test_nothing_is_read_that_was_not_written(name: str, case: Case, dtype: torch.dtype) -> None:
    module, (operands, grad_out) = implementation(name), case.tensors(dtype)
    wanted = computed(reference, operands, grad_out)
    with poisoned_memory():
        assert torch.empty(2).isnan().all()
        assert operands.q.new_empty(2).isnan().all()
        results = computed(module, operands, grad_out)
    assert_close(results, wanted, grad_out)


def in_layout(case: Case, layout: str) -> tuple[Operands, Tensor]:
    """Return the tensors of ``case`` with the same numbers in another layout."""
    like, of_out = case._replace(layout=layout).tensors()
    numbers, grad_out = case.tensors()
    pairs = zip(like.tensors[:3], numbers.tensors[:3], strict=True)
    maps = [None if x is None or y is None else x.copy_(y) for x, y in pairs]
    return numbers._replace(q=maps[0], k=maps[1], v=maps[2]), of_out.copy_(grad_out)


@pytest.mark.parametrize("layout", ["slices", "channels_last", "transposed"])
@pytest.mark.parametrize(("name", "case"), ALL, ids=str)
def test_the_inputs_layout_does_not_matter(name: str, case: Case, layout: str) -> None:
    module, (operands, grad_out) = implementation(name), in_layout(case, layout)
    plain, plain_grad_out = in_layout(case, "contiguous")
    results = computed(module, operands, grad_out)
    assert_close(results, computed(module, plain, plain_grad_out), grad_out)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("name", "case"), ALL, ids=str)
def test_results_keep_the_layout(name: str, case: Case, dtype: torch.dtype) -> None:
    """Results have the layout that fake kernels promise: channels innermost, or else pixels."""
    assert_promised_layout(name, case, dtype)
    operands, grad_out = case._replace(layout="channels_last").tensors(dtype)
    out = computed(implementation(name), operands, grad_out)["out"]
    assert out is not None
    assert out.flatten(1, 2).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", [*LOCAL, "reference"])
def test_any_result_has_the_promised_layout(name: str) -> None:
    @examples(60)
    @given(case=cases())
    def check(case: Case) -> None:
        assert_promised_layout(name, case, torch.bfloat16)
        assert_promised_layout(name, case, torch.float32)

    check()


def assert_promised_layout(name: str, case: Case, dtype: torch.dtype) -> None:
    operands, grad_out = case.tensors(dtype)
    results = computed(implementation(name), operands, grad_out)
    q, k, v = operands.tensors[:3]
    for key, like in {"out": v, "grad_q": q, "grad_k": k, "grad_v": v}.items():
        mine = results[key]
        if mine is None or like is None:
            continue
        assert steps(mine) == steps(empty_like_layout(like)), key


def steps(x: Tensor) -> list[int]:
    """Return the strides of the dimensions with two elements or more."""
    return [step for step, size in zip(x.stride(), x.shape, strict=True) if size > 1]


@pytest.mark.parametrize(("name", "case"), ALL, ids=str)
def test_a_gradient_of_one_stored_number(name: str, case: Case) -> None:
    module, (operands, grad_out) = implementation(name), case.tensors()
    expanded = torch.ones((), dtype=grad_out.dtype).expand(grad_out.shape)  # strides of zero
    results = computed(module, operands, expanded)
    assert_close(results, computed(module, operands, torch.ones_like(grad_out)), grad_out)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("name", "case"), ALL, ids=str)
def test_two_runs_give_equal_bits(name: str, case: Case, dtype: torch.dtype) -> None:
    module, (operands, grad_out) = implementation(name), case.tensors(dtype)
    assert_equal_bits(*(computed(module, operands, grad_out) for _ in range(2)))


@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_threads_do_not_change_the_compiled_kernels_bits(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []

    def noted_call(*, threads: int, **settings: Any) -> cpp.CallStructure:
        used.append(threads)
        return call(threads=threads, **settings)

    call = cpp.CallStructure
    monkeypatch.setattr(cpp, "CallStructure", noted_call)
    module, (operands, grad_out) = implementation("cpp"), case._replace(batch=5).tensors()
    before, repeats = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            repeats.append(computed(module, operands, grad_out))
    finally:
        torch.set_num_threads(before)
    assert used == [1, 1, 2, 2, 3, 3]  # forwards and backwards
    assert_equal_bits(repeats[0], repeats[1])
    assert_equal_bits(repeats[0], repeats[2])


def assert_equal_bits(one: dict[str, Tensor | None], two: dict[str, Tensor | None]) -> None:
    for key, mine in one.items():
        other = two[key]
        assert mine is other is None or torch.equal(mine, other), key


@pytest.mark.parametrize(("name", "case"), ALL, ids=str)
def test_an_empty_batch_has_empty_results_and_tables_without_gradient(
    name: str, case: Case
) -> None:
    module, (operands, grad_out) = implementation(name), case._replace(batch=0).tensors()
    results = computed(module, operands, grad_out)
    for key, like in zip(results, (operands.v, None, *operands.tensors), strict=True):
        if like is not None:
            mine = results[key]
            assert mine is not None
            assert mine.shape == like.shape
            assert not mine.any(), key
