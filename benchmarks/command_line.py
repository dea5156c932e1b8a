"""What the benchmarks' command lines have in common. PyTorch is not imported here."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from steady_allocator import keep_freed_memory


def parser_of(description: str, *, quick: str) -> argparse.ArgumentParser:
    """With ``--quick`` and ``--json``.

    Args:
        description: the script's docstring, of which the first line is shown.
        quick: what a quick run leaves out.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    return parser


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the options of what is timed on a CPU or a GPU."""
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, metavar="N", help="on the CPU; else PyTorch's own")
    parser.add_argument(
        "--default-allocator", action="store_true", help="leave the C library's allocator as it is"
    )


def settle_allocator(options: argparse.Namespace) -> None:
    """Start anew with an allocator that keeps memory, for the CPU and unless told otherwise."""
    if options.device == "cpu" and not options.default_allocator:
        keep_freed_memory()


def silence_profiler() -> None:
    """PyTorch's profiler logs each start and stop; it reads its level when it is first used."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")


def write_json(figures: dict[str, Any], options: argparse.Namespace) -> None:
    """Where ``--json`` says."""
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
