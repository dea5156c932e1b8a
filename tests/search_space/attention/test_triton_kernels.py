"""The Triton kernels against the definition, in Triton's interpreter, and as compiled for a GPU.

Triton reads ``TRITON_INTERPRET`` once, when it is first imported, and pytest's process may import
it either way. So the kernels run in processes of their own, whose program is
:mod:`tests.search_space.attention.triton_program`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from search_space.attention import triton_kernels
from tests.needed import lacking
from tests.search_space.attention.triton_program import (
    CASES,
    LARGE_CASES,
    PAPERS,
    Case,
    compiler_tools,
    operands_of,
)

ROOT = Path(__file__).parents[3]
TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 1.5e-2, torch.float16: 2e-3}


@cache
def results(program: str, interpret: str) -> Any:
    """Return what the program prints in a process of its own."""
    compiler_tools()
    done = subprocess.run(
        [sys.executable, "-m", "tests.search_space.attention.triton_program", program],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": interpret, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("program", "cases"),
    [
        ("interpret", CASES),
        pytest.param("interpret large", LARGE_CASES, marks=pytest.mark.slow),
    ],
    ids=["small", "large"],
)
def test_kernels_are_the_definition(program: str, cases: list[Case]) -> None:
    errors_by_case = results(program, "1")["errors"]
    assert len(errors_by_case) == len(cases)
    wrong = [
        f"{case}: {name} is off by {error:.2e}"
        for case, errors in zip(cases, errors_by_case, strict=True)
        for name, error in errors.items()
        if not error <= TOLERANCE[case.dtype]
    ]
    assert not wrong, "\n".join(wrong)


def test_float32_is_multiplied_as_it_is_unless_pytorch_allows_tf32() -> None:
    ieee, tf32 = ["ieee"] * 3, ["tf32"] * 3
    assert results("interpret", "1")["precisions"] == {
        "as PyTorch starts": ieee,
        "allow_tf32=True": tf32,
        "allow_tf32=False": ieee,
        "set_float32_matmul_precision(high)": tf32,
        "set_float32_matmul_precision(highest)": ieee,
        "matmul.fp32_precision=tf32": tf32,
        "matmul.fp32_precision=ieee": ieee,
        "backends.fp32_precision=tf32": tf32,
        "backends.fp32_precision=ieee": ieee,
        "older PyTorch, allow_tf32=True": tf32,
        "older PyTorch, allow_tf32=False": ieee,
    }


def compiler_results() -> Any:
    tools = compiler_tools()
    if not ((tools / "ptxas").exists() and (tools / "cuobjdump").exists()):
        lacking("this build of Triton has no ptxas or no cuobjdump")
    return results("compile", "0")


def test_kernels_compile_for_a_gpu_and_keep_to_its_registers() -> None:
    for case, kernels in zip(PAPERS, compiler_results()["stack_bytes"], strict=True):
        assert set(kernels) == {"forward_kernel", "queries_kernel", "keys_kernel"}
        assert not any(kernels.values()), f"{case} spills: {kernels}"


def test_compiled_kernels_multiply_in_tf32_only_where_it_is_allowed() -> None:
    compiled = compiler_results()
    assert not any(compiled["in_tf32"])
    assert compiled["in_tf32_if_allowed"] == ["forward_kernel"]


def test_problems_name_the_rule_and_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        triton_kernels, "unavailable", lambda: "needs triton, which is not installed"
    )
    operands, _ = operands_of(Case(3, (4, 4)))
    assert triton_kernels.problem(operands) == "needs triton, which is not installed"
    monkeypatch.setattr(triton_kernels, "unavailable", lambda: None)
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    assert triton_kernels.problem(operands) == "needs a CUDA device, got device=cpu"
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert triton_kernels.problem(operands) is None
    wide, _ = operands_of(Case(3, (4, 4), widths=(5, 65)))
    far = torch.empty_strided((2, 2, 6, 4, 4), (0, 0, 2**30, 1, 1), device="meta")
    for call, problem in [
        (operands._replace(scale=0.0), "needs a positive scale, got scale=0.0"),
        (wide, "needs at most 64 channels a head in torch.float32, got 5 of keys and 65"),
        (
            operands._replace(q=operands.q.double()),
            "torch.float32, torch.bfloat16, torch.float16, got torch.float64",
        ),
        (
            operands._replace(v=far),
            "needs offsets inside a head under 2147483648, got",
        ),
    ]:
        assert problem in str(triton_kernels.problem(call))
