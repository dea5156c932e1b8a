"""The choice of attention's implementation: by the rule, by force, and what is logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from search_space.attention import (
    backend,
    backends,
    block_attention,
    cpp,
    global_attention,
    local_attention,
    triton_kernels,
)
from search_space.attention.backends import IMPLEMENTATIONS, chosen, forced
from search_space.attention.operands import Operands
from search_space.cost import count_module
from search_space.primitives import AugmentedConvolution, LocalAttention
from tests.search_space.attention_cases import Case, implementation

LOCAL, GLOBAL = Case(3, (4, 5)), Case(0, (4, 5))


@pytest.fixture(autouse=True)
def nothing_logged_before() -> Iterator[None]:
    backends._logged.clear()
    yield
    backends._logged.clear()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that records further runs, such as ``["cpp forward", "cpp backward"]``."""
    noted: list[str] = []
    for name, module in IMPLEMENTATIONS.items():
        for step in ("forward", "backward"):
            monkeypatch.setattr(module, step, noting(name, step, getattr(module, step), noted))
    return noted


def noting(name: str, step: str, function: Any, noted: list[str]) -> Any:
    def noted_function(*arguments: Any) -> Any:
        noted.append(f"{name} {step}")
        return function(*arguments)

    return noted_function


def on(device: str, case: Case) -> Operands:
    """Operands that claim to be on a device, which need not exist."""
    with FakeTensorMode():
        q, k, v, rows, columns = (
            None if x is None else torch.empty(x.shape, dtype=x.dtype, device=device)
            for x in case.tensors()[0].tensors
        )
    assert q is not None
    assert v is not None
    return Operands(q, k, v, rows, columns, case.scale, case.extent, case.border)


def refuses(problem: str | None) -> Any:
    return lambda operands: problem


def test_on_a_cpu_windows_are_for_the_compiled_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpp.build, "problem", lambda: None)
    assert chosen(LOCAL.tensors()[0]) == "cpp"
    assert chosen(Case(31, (4, 5), "zeros").tensors(torch.bfloat16)[0]) == "cpp"
    assert chosen(GLOBAL.tensors()[0]) == "torch"
    assert chosen(Case(33, (4, 5)).tensors()[0]) == "torch"  # it takes windows up to 31


def test_on_a_gpu_triton_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_kernels, "problem", refuses(None))
    for case in (LOCAL, GLOBAL):
        assert chosen(on("cuda", case)) == "triton"
    monkeypatch.setattr(triton_kernels, "problem", refuses("is away"))
    for case in (LOCAL, GLOBAL):
        assert chosen(on("cuda", case)) == "torch"


@pytest.mark.parametrize("case", [LOCAL, GLOBAL], ids=str)
def test_elsewhere_it_is_torch(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    assert chosen(on("meta", case)) == "torch"
    assert not caplog.records


def test_why_the_preferred_one_does_not_run_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cpp, "problem", refuses("needs a C++ compiler"))
    q, k, v = LOCAL.tensors()[0].tensors[:3]
    assert v is not None
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            local_attention(q, k, v, extent=3)
        monkeypatch.setattr(cpp, "problem", refuses("has another reason"))
        local_attention(q, k, v, extent=3)
    assert [record.getMessage() for record in caplog.records] == [
        "attention runs by torch, since cpp needs a C++ compiler",
        "attention runs by torch, since cpp has another reason",
    ]


def test_global_attention_on_a_cpu_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    q, k, v = GLOBAL.tensors()[0].tensors[:3]
    assert v is not None
    global_attention(q, k, v)
    assert not caplog.records


def attended(q: Tensor, k: Tensor, v: Tensor, kind: str) -> Tensor:
    if kind == "local":
        return local_attention(q, k, v, extent=3)
    return global_attention(q, k, v) if kind == "global" else block_attention(q, k, v, block=2)


@pytest.mark.parametrize("kind", ["local", "global", "block"])
@pytest.mark.parametrize("name", ["reference", "torch", "cpp"])
def test_the_forced_one_computes_both_passes(name: str, kind: str, runs: list[str]) -> None:
    implementation(name)
    q, k, v = (x.requires_grad_() for x in Case(3, (4, 6)).tensors()[0][:3])
    if name == "cpp" and kind != "local":
        with pytest.raises(ValueError, match="computes local attention alone"), backend(name):
            attended(q, k, v, kind)
        return
    with backend(name):
        out = attended(q, k, v, kind)
    out.sum().backward()  # by what the forward pass was called under
    assert runs == [f"{name} forward", f"{name} backward"]


def test_backends_nest_and_end() -> None:
    assert forced() == ""
    with backend("torch"):
        with backend("reference"):
            assert forced() == "reference"
        assert forced() == "torch"
    with pytest.raises(KeyError), backend("torch"):
        raise KeyError
    assert forced() == ""


def test_errors_name_the_implementation_and_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(ValueError, match="'cuda'; known: reference, torch, cpp, triton"),
        backend("cuda"),
    ):
        pass
    assert forced() == ""
    q, k, v = LOCAL.tensors()[0].tensors[:3]
    assert v is not None
    monkeypatch.setattr(cpp.build, "problem", lambda: None)
    with backend("cpp"):
        with pytest.raises(ValueError, match=r"backend\('cpp'\) computes local .* got a global"):
            global_attention(q, k, v)
        with pytest.raises(ValueError, match=r"windows up to 31, got extent=33"):
            local_attention(q, k, v, extent=33)
        with pytest.raises(ValueError, match="on the CPU, got a tensor on meta"):
            chosen(on("meta", LOCAL), "cpp")
    with backend("triton"), pytest.raises(ValueError, match=r"backend\('triton'\) needs"):
        local_attention(q, k, v, extent=3)


@pytest.mark.parametrize(
    "spec",
    [
        LocalAttention(extent=3, heads=2),
        LocalAttention(extent=5, heads=2, border="zeros", content=False),
        AugmentedConvolution(
            kernel=3, key_depth=4, value_depth=4, heads=2, position="relative", downsample=False
        ),
    ],
    ids=["window", "zeros", "global"],
)
def test_costs_do_not_depend_on_what_computes(spec: Any, runs: list[str]) -> None:
    layer = spec.build(6, 8, 1, (5, 7))
    wanted = count_module(layer, (6, 5, 7))
    assert wanted == spec.counts(6, 8, 1, (5, 7))
    for name in ("reference", "torch"):
        runs.clear()
        with backend(name):
            assert count_module(layer, (6, 5, 7)) == wanted
        assert {*runs} == {f"{name} forward"}
