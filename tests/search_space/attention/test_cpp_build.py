"""Compilation of the attention kernel at first use: once, or with a message why it fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search_space.attention import backend, backends, cpp, local_attention, reference
from search_space.attention.cpp import build
from tests.needed import lacking
from tests.search_space.attention_cases import Case, assert_close, computed

CASE = Case(3, (4, 5))
SECONDS_FOR_TWO_PROCESSES = 120


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the compiled libraries, which does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    remembered = (build.problem, build.library)
    for function in remembered:
        function.cache_clear()
    backends._logged.clear()
    yield tmp_path / "cache/convattn"
    for function in remembered:
        function.cache_clear()
    backends._logged.clear()


class Compiler:
    """A script in ``$CXX`` that notes the files it writes, then runs the given lines."""

    def __init__(self, folder: Path, lines: str) -> None:
        self.path, self.log = folder / "compiler", folder / "compiled"
        self.path.write_text(
            f'#!/bin/sh\ncase "$*" in *-dM*) ;; *) echo compiled >> "{self.log}" ;; esac\n{lines}\n'
        )
        self.path.chmod(0o755)

    def times(self) -> int:
        """Count the compilations."""
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiler:
    """This machine's own compiler, without optimisation."""
    path = next(filter(None, map(shutil.which, build.COMPILERS)), None)
    if path is None:
        lacking("there is no C++ compiler")
    compiler = Compiler(tmp_path, f'exec {path} "$@" -O0')
    monkeypatch.setenv("CXX", str(compiler.path))
    return compiler


def forget() -> None:
    """Forget the library, as in a new process."""
    build.problem.cache_clear()
    build.library.cache_clear()


def test_first_use_compiles_and_every_other_finds_it(
    compiler: Compiler, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    operands, grad_out = CASE.tensors()
    wanted = computed(reference, operands, grad_out)
    for _ in range(2):
        forget()
        assert_close(computed(cpp, operands, grad_out), wanted, grad_out)
    assert compiler.times() == 1
    (library,) = cache.glob("*.so")
    assert [record.getMessage() for record in caplog.records] == [
        f"compiling C++ kernels of attention for this machine, once, into {library}"
    ]


def test_another_compiler_has_another_library(
    compiler: Compiler, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.library()
    forget()
    monkeypatch.setenv("CXX", f"{compiler.path} -DOTHER")
    build.library()
    assert compiler.times() == 2
    assert len([*cache.glob("*.so")]) == 2


@pytest.mark.slow
def test_two_processes_at_once_compile_once(compiler: Compiler, cache: Path) -> None:
    program = (
        "import torch\n"
        "from search_space.attention import backend, local_attention\n"
        "x = torch.ones(1, 1, 1, 3, 3)\n"
        "with backend('cpp'):\n"
        "    assert torch.equal(local_attention(x, x, x, extent=3), x)\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=SECONDS_FOR_TWO_PROCESSES)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    assert compiler.times() == 1
    assert len([*cache.glob("*.so")]) == 1


def no_compiler_of_that_name(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CXX", "no-such-compiler -O1")
    return "needs a C++ compiler, and $CXX names none: 'no-such-compiler -O1'"


def no_compiler(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    return "needs a C++ compiler (c++, g++ or $CXX), and there is none"


def another_system(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(build.sys, "platform", "win32")
    return "needs Linux, got win32"


@pytest.mark.parametrize("lack", [no_compiler_of_that_name, no_compiler, another_system])
def test_where_it_cannot_be_compiled_torch_runs_and_says_why_once(
    lack: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reason = lack(monkeypatch)
    assert build.problem() == reason
    operands, _ = CASE.tensors()
    q, k, v = operands[:3]
    assert backends.chosen(operands) == "torch"
    for _ in range(2):
        local_attention(q, k, v, extent=3)
    assert [record.getMessage() for record in caplog.records] == [
        f"attention runs by torch, since cpp {reason}"
    ]
    named = f"attention.backend('cpp') {reason}"
    with pytest.raises(ValueError, match=f"^{re.escape(named)}$"), backend("cpp"):
        local_attention(q, k, v, extent=3)


@pytest.mark.parametrize(
    ("lines", "step"),
    [
        ("echo 'error: it is broken' >&2; echo more >&2; exit 1", "-dM"),
        ('case "$*" in *-dM*) exit 0 ;; esac; echo "error: it is broken" >&2; exit 1', "-shared"),
    ],
    ids=["always", "at the kernel"],
)
def test_a_compiler_that_fails_is_quoted(
    lines: str, step: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", str(Compiler(tmp_path, lines).path))
    problem = build.problem()
    assert problem is not None
    assert problem.startswith(f"cannot be compiled: {tmp_path}/compiler -std=c++17 ")
    assert step in problem
    assert problem.endswith(" says error: it is broken")
    assert not [*cache.glob("*.so")]


def test_a_compiler_without_words_fails_clearly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", str(Compiler(tmp_path, "exit 1").path))
    assert str(build.problem()).endswith(" says no message")


def test_a_compiler_that_does_not_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "SECONDS_TO_COMPILE", 0.2)
    monkeypatch.setenv("CXX", str(Compiler(tmp_path, "exec sleep 20").path))
    problem = str(build.problem())
    assert problem.startswith("cannot be compiled: ")
    assert "timed out after 0.2 seconds" in problem


def test_a_folder_that_cannot_be_made_is_named(
    compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    problem = str(build.problem())
    assert problem.startswith("cannot make a folder for its compiled library: ")
    assert compiler.times() == 0


@pytest.mark.parametrize("function", ["FileLock", "tempfile.mkstemp"])
def test_a_folder_that_cannot_be_written_is_named(
    function: str, compiler: Compiler, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any, **settings: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(f"search_space.attention.cpp.build.{function}", refuse)
    problem = str(build.problem())
    assert problem.startswith(f"cannot write {cache}/local_attention-")
    assert problem.endswith("Permission denied")


def test_a_library_that_cannot_be_loaded_is_named(
    compiler: Compiler, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_compile", lambda _, path: path.write_text("not a library"))
    problem = str(build.problem())
    assert problem.startswith(f"cannot load {cache}/local_attention-")


def test_without_xdg_the_cache_is_in_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    assert build._cache_folder() == tmp_path / ".cache/convattn"
    assert (tmp_path / ".cache/convattn").is_dir()


NO_MEMORY = """
import resource
import torch
from search_space.attention import backend, local_attention
torch.set_num_threads(1)
q = torch.randn(1, 1, 2, 160, 160)
small = torch.randn(1, 1, 2, 4, 4)
with backend("cpp"):
    local_attention(small, small, small, extent=3)
    q.requires_grad_()
    out = local_attention(q, q, q, extent=31)
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 100_000_000,) * 2)
    try:
        out.sum().backward()
    except MemoryError as error:
        print(error)
"""


@pytest.mark.slow
def test_too_little_memory_is_an_error_and_no_crash() -> None:
    if build.problem():
        lacking(f"cpp {build.problem()}")
    done = subprocess.run(
        [sys.executable, "-c", NO_MEMORY], check=True, capture_output=True, text=True
    )
    assert "not enough memory for windows of 31 pixels on a map of 160x160" in done.stdout, done
