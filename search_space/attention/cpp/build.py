"""Compilation of this package's C++ at first use, once for each machine, compiler and source.

The library is kept in the user's cache (``$XDG_CACHE_HOME/convattn`` or ``~/.cache/convattn``)
under a name that is a digest of the source, the flags and the compiler's predefined macros for this
processor, since machines of several kinds may share one home. ``$CXX`` names the compiler; the
default is GCC.
"""

from __future__ import annotations

import ctypes
import logging
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import torch
from filelock import FileLock

from search_space.digest import short_sha256

logger = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("local_attention.cpp")

FLAGS = [
    *("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math"),
    *("-fopenmp", "-fPIC", "-shared"),
]

COMPILERS = ("c++", "g++")

SECONDS_TO_COMPILE = 300


class Unavailable(Exception):
    """The library cannot be built or loaded on this machine."""


@cache
def problem() -> str | None:
    """Return why this machine has no library; None if it has, compiling it now if need be."""
    try:
        library()
    except Unavailable as error:
        return str(error)
    return None


@cache
def library() -> ctypes.CDLL:
    """Return the compiled library.

    Raises:
        Unavailable: the system is not Linux, there is no compiler or it fails, the cache folder
            cannot be written, or the library cannot be loaded.
    """
    if sys.platform != "linux":
        raise Unavailable(f"needs Linux, got {sys.platform}")
    compiler = _compiler()
    path = _cache_folder() / f"local_attention-{_digest(compiler)}.so"
    try:
        if not path.exists():
            with FileLock(path.with_suffix(".lock"), timeout=SECONDS_TO_COMPILE):
                if not path.exists():
                    _compile(compiler, path)
    except (
        OSError,
        NotImplementedError,
    ) as error:  # the lock times out, or the system has no locks
        raise Unavailable(f"cannot write {path}: {error}") from error
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise Unavailable(f"cannot load {path}: {error}") from error


def _compiler() -> list[str]:
    named = os.environ.get("CXX")
    if named:
        command = shlex.split(named)
        if not command or shutil.which(command[0]) is None:
            raise Unavailable(f"needs a C++ compiler, and $CXX names none: {named!r}")
        return command
    for name in COMPILERS:
        if shutil.which(name):
            return [name]
    raise Unavailable(f"needs a C++ compiler ({', '.join(COMPILERS)} or $CXX), and there is none")


def _cache_folder() -> Path:
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "convattn"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError where there is no home
        raise Unavailable(f"cannot make a folder for its compiled library: {error}") from error
    return folder


def _digest(compiler: list[str]) -> str:
    """Digest all that the library depends on; predefined macros name compiler and processor."""
    macros = _run([*compiler, *FLAGS, "-dM", "-E", "-x", "c++", os.devnull])
    parts = " ".join(compiler + FLAGS + _openmp()).encode(), macros, SOURCE.read_bytes()
    return short_sha256(b"\0".join(parts), 16)


def _openmp() -> list[str]:
    """Return PyTorch's own OpenMP library: threads of two would compete for the cores."""
    root = Path(torch.__file__).parent
    libraries = [*root.glob("lib/libgomp*.so*"), *root.parent.glob("torch.libs/libgomp*.so*")]
    return [str(path) for path in libraries[:1]]


def _compile(compiler: list[str], path: Path) -> None:
    logger.warning("compiling C++ kernels of attention for this machine, once, into %s", path)
    descriptor, unfinished = tempfile.mkstemp(suffix=".so", dir=path.parent)
    os.close(descriptor)
    try:
        _run([*compiler, *FLAGS, str(SOURCE), *_openmp(), "-o", unfinished])
        Path(unfinished).chmod(0o755)  # others may share the cache
        Path(unfinished).replace(path)
    finally:
        Path(unfinished).unlink(missing_ok=True)


def _run(command: list[str]) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS_TO_COMPILE, check=True)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        first = next((line for line in said if "error" in line), said[0])
        raise Unavailable(f"cannot be compiled: {shlex.join(command)} says {first}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"cannot be compiled: {error}") from error
    return done.stdout
