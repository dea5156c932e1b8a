"""The formats of exported files, their endings, and the libraries that they need."""

from __future__ import annotations

import importlib
from pathlib import PurePath
from types import ModuleType
from typing import Literal, get_args

from nas.errors import CommandError

ExportFormat = Literal["onnx", "torch_export", "safetensors"]

ENDINGS: dict[ExportFormat, str] = {
    "onnx": ".onnx",
    "torch_export": ".pt2",
    "safetensors": ".safetensors",
}

FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)


def format_by_ending(path: PurePath | str) -> ExportFormat | None:
    """Return the format that a file's name, or the path in its URL, ends in; else None."""
    ending = PurePath(path).suffix.lower()
    return next((name for name, known in ENDINGS.items() if known == ending), None)


def library(name: str) -> ModuleType:
    """Import a library of the extra ``export``.

    Raises:
        CommandError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CommandError(
            f"this needs {name.partition('.')[0]}, which is not installed: "
            "pip install 'convattn[export]'"
        ) from error
