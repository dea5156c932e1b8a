"""Latency prediction: read a latency table, and check that it fits a search."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import ValidationError

from search_space.architecture import Task
from search_space.attention import preferred_on
from search_space.cost.latency import device_name
from search_space.cost.latency_record import LatencySettings
from search_space.cost.latency_table import LatencyTable, Prediction
from search_space.networks.parts import part_name, parts_of_space
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError

COMPARED_SETTINGS = ("device", "dtype", "batch_size", "threads")
"""The settings that latency depends on; warm-up and repeats only decide its precision."""


def read_table(path: Path) -> LatencyTable:
    """Read a latency table.

    Raises:
        ConfigError: the file is missing or damaged.
    """
    try:
        return LatencyTable.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(str(path), ["no such latency table"]) from None
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])) or "the file"
        raise ConfigError(str(path), [f"no latency table: {place}: {problem['msg']}"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [f"cannot be read: {error}"]) from error


def load_prediction(
    path: Path,
    settings: LatencySettings,
    space: SearchSpace,
    task: Task,
    *,
    measured_here: bool,
) -> Prediction:
    """Load the latency prediction of a search.

    Args:
        path: the table's file.
        settings: how the search measures.
        space: its search space.
        task: of its architectures.
        measured_here: whether it measures on this machine, so that the device can be compared.

    Raises:
        ConfigError: there is no such table, or it is unfinished, or of another device, setting or
            space.
    """
    table = read_table(path)
    problems = _setting_problems(table.settings, settings)
    for name, mine, its in (
        ("images", task.input_shape, table.input_shape),
        ("classes", task.classes, table.classes),
        ("torch", torch.__version__, table.torch_version),
    ):
        if mine != its:
            problems.append(f"{name}: the table is for {its}, this search for {mine}")
    if measured_here and not problems:
        here = hardware_of(settings)
        if table.device != here:
            problems.append(f"device: the table is of {table.device!r}, this machine is {here!r}")
        attention = preferred_on(torch.device(settings.device).type)
        if table.attention != attention:
            problems.append(
                f"attention: the table's ran by {table.attention}, here it runs by {attention}"
            )
    known = {entry.part for entry in table.parts}
    parts = parts_of_space(space, task) if not problems else []
    missing = sum(part_name(part) not in known for part in parts)
    if missing:
        problems.append(
            f"space: the table, of {table.space!r}, lacks {missing:,} of the {len(parts):,} parts "
            f"of {space.name!r}"
        )
    if table.correction is None:
        problems.append("the table is not finished: run nas latency-table again with this --out")
    if problems:
        raise ConfigError(f"latency.table: {path}", problems)
    return Prediction(table, task)


def hardware_of(settings: LatencySettings) -> str:
    """Return the hardware name of the device on this machine.

    Raises:
        ConfigError: there is no such device here.
    """
    try:
        return device_name(settings.device)
    except ValueError as error:
        raise ConfigError("latency", [str(error)]) from error


def _setting_problems(table: LatencySettings, search: LatencySettings) -> list[str]:
    return [
        f"{name}: the table is for {getattr(table, name)}, latency.{name} is "
        f"{getattr(search, name)}"
        for name in COMPARED_SETTINGS
        if getattr(table, name) != getattr(search, name)
    ]
