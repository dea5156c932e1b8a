"""``nas describe``: show architectures stage by stage."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from rich.console import RenderableType

from analysis.architecture_table import describe_json, describe_table
from analysis.drawing.architecture import draw_architecture
from analysis.drawing.png import write_png
from analysis.drawing.shapes import Drawing
from analysis.drawing.svg import svg_of
from analysis.kernel_table import kernel_table, kernels_json
from nas.atomic_write import replace_file
from nas.cli.commands.picture_files import check_ending
from nas.cli.output import Output
from nas.errors import CommandError
from nas.workflows.networks_by_name import find_network
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.cost.kernel_arithmetic import attention_kernels
from search_space.cost.latency import device_name
from search_space.networks import build
from search_space.validation_problems import explain


def show_architectures(
    output: Output,
    names: Sequence[str],
    runs: Path,
    *,
    image: str,
    classes: int | None,
    kernels: bool,
    draw: Path | None = None,
    trust: bool = False,
) -> None:
    """Print networks of the zoo, architectures of runs, or those in files, in the order given.

    With ``kernels``, print the kernels that compute their attention on this machine instead of the
    costs. As JSON, one name gives an object and several give a list. One network can be drawn too,
    as SVG or PNG by the ending of ``draw``.

    Raises:
        CommandError: one of them does not exist or cannot take such images; nothing is printed.
        ConfigError: a file does not describe one architecture, or names a module that may not
            be imported: see :func:`nas.storage.run.file_imports.allow_imports`.
    """
    check_ending("--draw", draw, ".svg", ".png")
    if draw is not None and len(names) > 1:
        raise CommandError(f"--draw draws one network, got {len(names)}: {', '.join(names)}")
    described = [
        _described(name, runs, image=image, classes=classes, kernels=kernels, trust=trust)
        for name in names
    ]
    if draw is not None:
        _draw(draw, described[0])
    if output.as_json:
        data = [each.data for each in described]
        output.show_json(data[0] if len(data) == 1 else data)
        return
    for name, each in zip(names, described, strict=True):
        if len(described) > 1:
            output.say((name, "bold"))
        output.show(each.shown)
    if draw is not None:
        output.say(f"drawn in {draw}")


class _Description(NamedTuple):
    """One architecture, as a table and as plain data, and as it can be drawn."""

    shown: RenderableType
    data: dict[str, Any]
    drawing: Drawing


def _described(
    name: str, runs: Path, *, image: str, classes: int | None, kernels: bool, trust: bool
) -> _Description:
    architecture, task = find_network(name, runs, trust=trust)
    task = changed_task(task, image, classes)
    try:
        costs = network_costs(architecture, task)
    except ValueError as error:
        raise CommandError(f"{name} on {'x'.join(map(str, task.input_shape))}: {error}") from error
    drawing = draw_architecture(architecture, task, costs)
    if kernels:
        return _Description(*_kernels(architecture, task), drawing)
    table = describe_table(architecture, task, costs)
    return _Description(table, describe_json(architecture, task, costs), drawing)


def _draw(file: Path, described: _Description) -> None:
    if file.suffix.lower() == ".png":
        write_png(file, described.drawing)
    else:
        replace_file(file, svg_of(described.drawing).encode())


def _kernels(architecture: Architecture, task: Task) -> tuple[RenderableType, dict[str, Any]]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32  # as networks are trained there
    model = build(architecture, task, seed=0)
    uses = attention_kernels(model, task.input_shape, device=device, dtype=dtype)
    shown: RenderableType = "there is no attention in this architecture"
    if uses:
        shown = kernel_table(uses, device_name(device))
    return shown, kernels_json(uses, device_name(device))


def changed_task(task: Task, image: str, classes: int | None) -> Task:
    """Return the task with the image and classes of the command line, if they are given."""
    if image:
        shape = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)x([1-9]\d*)", image)
        if not shape:
            raise CommandError(
                f"--image is CHANNELSxHEIGHTxWIDTH, each at least 1, such as 3x32x32, got {image!r}"
            )
        channels, height, width = (int(size) for size in shape.groups())
        task = task.replace(input_shape=(channels, height, width), dataset="unnamed")
    if classes is None:
        return task
    try:
        return task.replace(classes=classes)
    except ValidationError as error:
        raise CommandError("; ".join(f"--{line}" for line in explain(error, Task))) from error
