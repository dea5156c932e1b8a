"""NAS-Bench-Macro: 6,561 networks of MobileNetV2 blocks on CIFAR-10.

Source: Su et al. 2021, "Prioritized Architecture Sampling with Monte-Carlo Tree Search", arXiv
2103.11922; the file is ``nas-bench-macro_cifar10.json`` of
https://github.com/xiusu/NAS-Bench-Macro. This project carries no copy.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from nas.benchmark.csv_table import read_bounded
from nas.benchmark.table import BenchmarkTable, TableError, space_of_rows
from search_space.json_reading import parse_json

NAME = "NAS-Bench-Macro"
LAYERS = 8
FIELDS = ("mean_acc", "flops")
MEGA = 1e6


def read_nas_bench_macro(path: Path) -> BenchmarkTable:
    """Read the benchmark's file: one choice a layer, accuracy in percent, cost in MFLOPs.

    Its ``flops`` are multiply-adds.

    Args:
        path: the file: ``{"02012100": {"mean_acc": ..., "flops": ..., ...}, ...}``.

    Raises:
        TableError: the file cannot be read or is something else; the message has the place.
    """
    try:
        data = parse_json(read_bounded(path))
    except ValueError as error:
        raise TableError(f"{path}: is not JSON: {error}") from error
    if not isinstance(data, dict) or not data:
        raise TableError(f"{path}: must be a JSON object with a key of 8 digits a network")
    for key, entry in data.items():
        if len(key) != LAYERS or not key.isdecimal():
            raise TableError(f"{path}: a key must be {LAYERS} digits, one a layer, got {key!r}")
        _check_entry(path, key, entry)
    rows = [tuple(key) for key in data]  # all copies of the file have the same order
    choices = [f"layer{number}" for number in range(1, LAYERS + 1)]
    return BenchmarkTable(
        NAME,
        rows=rows,
        space=space_of_rows(NAME, choices, rows),
        maximised=np.array([entry["mean_acc"] for entry in data.values()]),
        minimised=np.array([entry["flops"] for entry in data.values()]) / MEGA,
        maximised_name="accuracy, %",
        minimised_name="MFLOPs",
        trainings=_trainings(path, data),
    )


def _trainings(path: Path, data: dict[str, Any]) -> np.ndarray | None:
    """Return the accuracies ``[N, T]`` of every network's trainings; None if one has none."""
    if not all("test_acc" in entry for entry in data.values()):
        return None
    try:
        return np.array([entry["test_acc"] for entry in data.values()], dtype=float)
    except (TypeError, ValueError) as error:
        raise TableError(f"{path}: test_acc must be as many numbers in every network") from error


def _check_entry(path: Path, key: str, entry: Any) -> None:
    for field in FIELDS:
        value = entry.get(field) if isinstance(entry, dict) else None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TableError(f"{path}: {key}.{field}: must be a number, got {value!r}")
        if isinstance(value, int) and abs(value) > sys.float_info.max:
            raise TableError(f"{path}: {key}.{field}: is too large a number")
