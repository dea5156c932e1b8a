"""Options that the benchmarks' command lines share. PyTorch is not imported here."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from steady_allocator import keep_freed_memory


def parser_of(description: str, *, quick: str) -> argparse.ArgumentParser:
    """Return a parser with ``--quick`` and ``--json``.

    Args:
        description: the script's docstring, of which the first line is shown.
        quick: what a quick run leaves out.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    return parser


def add_device(parser: argparse.ArgumentParser, *, threads: int | None = None) -> None:
    """Add the device that is timed, and its threads; see :func:`machine.chosen_device`.

    Args:
        parser: added to.
        threads: the default number; None for PyTorch's own.
    """
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    usual = "PyTorch's own" if threads is None else threads
    parser.add_argument(
        "--threads", type=int, default=threads, metavar="N", help=f"on the CPU; else {usual}"
    )


def add_allocator(parser: argparse.ArgumentParser) -> None:
    """Add the choice of the C library's allocator; see :func:`settle_allocator`."""
    parser.add_argument(
        "--default-allocator", action="store_true", help="leave the C library's allocator as it is"
    )


def settle_allocator(options: argparse.Namespace) -> None:
    """Start anew with an allocator that keeps memory, for the CPU and unless told otherwise."""
    if options.device == "cpu" and not options.default_allocator:
        keep_freed_memory()


def silence_profiler() -> None:
    """Keep PyTorch's profiler from logging each start and stop; call it before its first use."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")


def write_json(figures: dict[str, Any], options: argparse.Namespace) -> None:
    """Write the figures to the file of ``--json``, if there is one."""
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
