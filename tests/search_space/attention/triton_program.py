"""Program of the Triton kernels' tests, which runs in a process of its own.

It computes errors, precisions and compiled code of calls of the kernels and prints them as JSON.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor

from search_space.attention import reference, triton_kernels
from search_space.attention.operands import Operands, empty_like_layout
from tests.needed import lacking

LAYOUTS = ("dense", "channels_last", "slices", "transposed")


class Case(NamedTuple):
    """One call; ``tables`` are "none", "sum" (d wide each) or "concatenation" (d_r + d_c = d)."""

    extent: int
    hw: tuple[int, int]
    border: str = "masked"
    tables: str = "concatenation"
    shared: bool = True
    content: bool = True
    widths: tuple[int, int] = (5, 6)  # d, e
    layout: str = "dense"
    dtype: torch.dtype = torch.float32
    batch_heads: tuple[int, int] = (2, 2)
    runs: int = 0  # forced, of a program of the queries' kernel


CASES = [
    Case(1, (3, 2)),
    Case(1, (2, 3), "zeros", "sum"),
    Case(3, (5, 7), shared=False),
    Case(3, (7, 9), "zeros", layout="slices", batch_heads=(1, 2)),
    Case(3, (4, 5), tables="none", layout="transposed"),
    Case(3, (1, 5), "zeros", "none"),
    Case(5, (6, 4), tables="sum", shared=False, content=False, layout="channels_last"),
    Case(7, (2, 3), "zeros", "sum", shared=False),
    Case(0, (3, 4), tables="none"),
    Case(0, (7, 6), tables="sum", widths=(20, 4), layout="slices"),
    Case(0, (5, 7), tables="sum", shared=False, content=False, layout="channels_last"),
    Case(0, (6, 9), widths=(8, 4), batch_heads=(3, 1), runs=3),  # the last two are empty
    Case(7, (8, 9), widths=(8, 8), dtype=torch.bfloat16, layout="slices", batch_heads=(1, 2)),
    Case(3, (8, 9), "zeros", "sum", dtype=torch.float16, batch_heads=(1, 2)),
    Case(0, (6, 7), tables="sum", widths=(20, 4), dtype=torch.bfloat16, layout="channels_last"),
    Case(3, (4, 4), batch_heads=(0, 2)),
]


LARGE_CASES = [
    Case(7, (14, 14), widths=(32, 32), layout="slices", batch_heads=(1, 1)),
    Case(7, (9, 16), widths=(8, 8), layout="channels_last", batch_heads=(1, 2)),
    Case(7, (7, 7), widths=(17, 3), layout="transposed"),
    Case(9, (5, 21), "zeros", widths=(8, 8), batch_heads=(1, 1)),
    Case(11, (9, 6), shared=False, batch_heads=(1, 2)),
    Case(5, (3, 17), "zeros", content=False, layout="channels_last"),
    Case(0, (1, 70), tables="sum", widths=(20, 4), batch_heads=(1, 1)),  # two chunks of columns
]


def operands_of(case: Case) -> tuple[Operands, Tensor]:
    """Return a call of random tensors, and a gradient of its output in the same layout."""
    torch.manual_seed(0)
    (batch, heads), (d, e), (height, width) = case.batch_heads, case.widths, case.hw
    channels = [heads * count for count in (d, d, e, e)]
    if case.layout in ("dense", "transposed"):
        parts = [torch.randn(batch, count, height, width) for count in channels]
        if case.layout == "transposed":
            parts = [part.transpose(2, 3).contiguous().transpose(2, 3) for part in parts]
    else:  # parts of one tensor, as a network's projection gives them
        whole = torch.randn(batch, sum(channels), height, width)
        if case.layout == "channels_last":
            whole = whole.to(memory_format=torch.channels_last)
        parts = list(whole.split(channels, dim=1))
    q, k, v, grad_out = (part.to(case.dtype).unflatten(1, (heads, -1)) for part in parts)
    rows = columns = None
    if case.tables != "none":
        counts = [case.extent] * 2 if case.extent else [2 * side - 1 for side in case.hw]
        widths = (d, d) if case.tables == "sum" else (d // 3 + 1, d - d // 3 - 1)
        tables = 1 if case.shared else heads
        rows, columns = (
            torch.randn(tables, count, part).to(case.dtype)
            for count, part in zip(counts, widths, strict=True)
        )
    scale = 0.8 * d**-0.5
    keys = k if case.content else None
    return Operands(q, keys, v, rows, columns, scale, case.extent, case.border), grad_out


def poisoned(create: Any) -> Any:
    """Wrap ``create`` so that memory it leaves uninitialised is full of NaN."""
    return lambda *args, **kwargs: create(*args, **kwargs).fill_(torch.nan)


def errors_of(case: Case) -> dict[str, float]:
    """Return the distance of each result to the definition, relative to the result's size."""
    operands, grad_out = operands_of(case)
    assert triton_kernels.problem(operands) is None
    with (
        mock.patch.object(torch.Tensor, "new_empty", poisoned(torch.Tensor.new_empty)),
        mock.patch.object(torch, "empty_like", poisoned(torch.empty_like)),
    ):
        if case.runs:
            from search_space.attention.triton_kernels import launch  # noqa: PLC0415 - needs Triton

            with mock.patch.object(launch, "choose_runs", return_value=case.runs):
                results = computed(operands, grad_out)
        else:
            results = computed(operands, grad_out)
    out, lse = reference.forward(operands)
    expected = [out, lse, *reference.backward(grad_out, operands, out, lse)]
    names = ("out", "lse", "grad_q", "grad_k", "grad_v", "grad_rows", "grad_columns")
    errors = {}
    for name, mine, true in zip(names, results, expected, strict=True):
        assert (mine is None) == (true is None), name
        if mine is None or true is None:
            continue
        assert mine.shape == true.shape, name
        assert mine.dtype == true.dtype, name
        # A table of one row, or a key without rivals, has a gradient of zero.
        size = true.double().norm() if true.double().norm() > 1e-6 else torch.ones(())
        errors[name] = float((mine.double() - true.double()).norm() / size) if mine.numel() else 0.0
    assert results[0].stride() == empty_like_layout(operands.v).stride()
    assert results[2].stride() == empty_like_layout(operands.q).stride()
    return errors


def computed(operands: Operands, grad_out: Tensor) -> list[Tensor | None]:
    out, lse = triton_kernels.forward(operands)
    return [out, lse, *triton_kernels.backward(grad_out, operands, out, lse)]


def calls_of(case: Case) -> list[Any]:
    """Return the arguments that the three kernels would be started with."""
    from search_space.attention.triton_kernels import launch  # noqa: PLC0415 - needs Triton

    operands, grad_out = operands_of(case)
    calls: list[Any] = []
    with mock.patch.object(launch, "run", lambda *call: calls.append(call)):
        launch.backward(grad_out, operands, *launch.forward(operands))
    return calls


def compiled(call: Any) -> Any:
    """Compile a kernel for compute capability 9.0, or take it from Triton's cache."""
    import triton  # noqa: PLC0415 - in a process of its own
    from triton.backends.compiler import GPUTarget  # noqa: PLC0415
    from triton.compiler import ASTSource  # noqa: PLC0415

    from search_space.attention.triton_kernels import launch  # noqa: PLC0415

    kernel, _, plan, *arguments = call
    pointers = {torch.float32: "*fp32", torch.bfloat16: "*bf16"}
    signature, constants, attributes = {}, {}, {}
    for index, (name, value) in enumerate(zip(kernel.arg_names, arguments, strict=True)):
        if isinstance(value, Tensor):
            signature[name] = pointers[value.dtype]
            attributes[(index,)] = [["tt.divisibility", 16]]
        elif kernel.params[index].is_constexpr:
            signature[name], constants[name] = "constexpr", value
        else:
            signature[name] = "fp32" if isinstance(value, float) else "i32"
    source = ASTSource(kernel, signature, constexprs=constants, attrs=attributes)
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options=launch.options(plan))


def stack_bytes(calls: list[Any], folder: str) -> dict[str, int]:
    """Return the bytes that a thread keeps outside of registers, by kernel."""
    bytes_by_kernel = {}
    for call in calls:
        path = Path(folder) / "kernel.cubin"
        path.write_bytes(compiled(call).asm["cubin"])
        dump = [str(compiler_tools() / "cuobjdump"), "-res-usage", str(path)]
        usage = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
        stack = re.search(r"STACK:(\d+)", usage)
        assert stack, usage
        bytes_by_kernel[call[0].fn.__name__] = int(stack[1])
    return bytes_by_kernel


FLOAT32 = Case(3, (8, 8), tables="none", widths=(16, 16), batch_heads=(1, 1))


def kernels_in_tf32(calls: list[Any]) -> list[str]:
    """Return the kernels whose code for a GPU multiplies in TF32."""
    return [call[0].fn.__name__ for call in calls if "tf32" in compiled(call).asm["ptx"]]


def with_tf32_allowed() -> list[str]:
    """Return the float32 forward kernel if it multiplies in TF32 where PyTorch allows it."""
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    return kernels_in_tf32(calls_of(FLOAT32)[:1])


def precisions() -> dict[str, list[str]]:
    """Return the three kernels' precision for each way to set the multiplication of float32."""
    precisions_by_setting = {}

    def note(name: str) -> None:
        precisions_by_setting[name] = [plan.precision for _, _, plan, *_ in calls_of(FLOAT32)]

    matmul = torch.backends.cuda.matmul
    note("as PyTorch starts")
    for allowed in (True, False):
        matmul.allow_tf32 = allowed
        note(f"allow_tf32={allowed}")
    for setting in ("high", "highest"):
        torch.set_float32_matmul_precision(setting)
        note(f"set_float32_matmul_precision({setting})")
    # From here on, reading allow_tf32 may raise.
    for setting in ("tf32", "ieee"):
        matmul.fp32_precision = setting
        note(f"matmul.fp32_precision={setting}")
    matmul.fp32_precision = "none"
    for setting in ("tf32", "ieee"):
        torch.backends.fp32_precision = setting
        note(f"backends.fp32_precision={setting}")
    for allowed in (True, False):
        older = SimpleNamespace(allow_tf32=allowed)  # all that PyTorch had before 2.9
        with mock.patch.object(torch.backends.cuda, "matmul", older):
            note(f"older PyTorch, allow_tf32={allowed}")
    return precisions_by_setting


PAPERS = [
    Case(7, (56, 56), widths=(8, 8), layout="slices", dtype=torch.bfloat16, batch_heads=(2, 8)),
    Case(7, (14, 14), widths=(32, 32), layout="slices", dtype=torch.bfloat16, batch_heads=(2, 8)),
    Case(7, (56, 56), widths=(8, 8), layout="slices", batch_heads=(2, 8)),
]


def compiler_tools() -> Path:
    """Return the folder of NVIDIA's assembler in Triton."""
    triton = find_spec("triton")
    if triton is None or triton.origin is None:
        lacking("Triton is not installed (it exists for Linux alone)")
    return Path(triton.origin).parent / "backends/nvidia/bin"


def main() -> None:
    """Print the results of all cases, interpreted or compiled as the argument says."""
    torch.set_num_threads(1)
    answers: dict[str, Any] = {}
    if sys.argv[1] == "interpret":
        answers["errors"] = [errors_of(case) for case in CASES]
        answers["precisions"] = precisions()
    elif sys.argv[1] == "interpret large":
        answers["errors"] = [errors_of(case) for case in LARGE_CASES]
    else:
        calls = [calls_of(case) for case in PAPERS]
        with tempfile.TemporaryDirectory() as folder:
            answers["stack_bytes"] = [stack_bytes(each, folder) for each in calls]
        answers["in_tf32"] = [kernels_in_tf32(each) for each in calls]
        answers["in_tf32_if_allowed"] = with_tf32_allowed()
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
