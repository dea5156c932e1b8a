"""``nas describe``: show architectures stage by stage."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from rich.console import RenderableType

from analysis.architecture_table import describe_json, describe_table
from analysis.kernel_table import kernel_table, kernels_json
from nas.cli.output import Output
from nas.errors import CommandError, RunError, TrustError
from nas.storage.file_imports import allow_imports
from nas.storage.folder import RunFolder
from nas.storage.ledger import ledger_of
from search_space.architecture import ARCH_ID_DIGITS, Architecture, Task
from search_space.cost import network_costs
from search_space.cost.kernel_arithmetic import attention_kernels
from search_space.cost.latency import device_name
from search_space.nearest import did_you_mean
from search_space.networks import build
from search_space.space.architecture_file import read_architecture_and_task
from search_space.validation_problems import explain
from search_space.yaml_validation import ConfigError
from search_space.zoo import IMAGENET, ZOO, named_network

log = logging.getLogger(__name__)


def show_architectures(
    output: Output,
    names: Sequence[str],
    runs: Path,
    *,
    image: str,
    classes: int | None,
    kernels: bool,
    trust: bool = False,
) -> None:
    """Print networks of the zoo, architectures of runs, or those in files, in the order given.

    With ``kernels``, print the kernels that compute their attention on this machine instead of the
    costs. As JSON, one name gives an object and several give a list.

    Raises:
        CommandError: one of them does not exist or cannot take such images; nothing is printed.
        ConfigError: a file does not describe one architecture, or names a module that may not
            be imported: see :func:`nas.storage.file_imports.allow_imports`.
    """
    described = [
        _described(name, runs, image=image, classes=classes, kernels=kernels, trust=trust)
        for name in names
    ]
    if output.as_json:
        data = [each.data for each in described]
        output.show_json(data[0] if len(data) == 1 else data)
        return
    for name, each in zip(names, described, strict=True):
        if len(described) > 1:
            output.say((name, "bold"))
        output.show(each.shown)


class _Description(NamedTuple):
    """One architecture, as a table and as plain data."""

    shown: RenderableType
    data: dict[str, Any]


def _described(
    name: str, runs: Path, *, image: str, classes: int | None, kernels: bool, trust: bool
) -> _Description:
    architecture, task = _find(name, runs, trust=trust)
    task = changed_task(task, image, classes)
    try:
        costs = network_costs(architecture, task)
    except ValueError as error:
        raise CommandError(f"{name} on {'x'.join(map(str, task.input_shape))}: {error}") from error
    if kernels:
        return _kernels(architecture, task)
    return _Description(
        describe_table(architecture, task, costs), describe_json(architecture, task, costs)
    )


def _kernels(architecture: Architecture, task: Task) -> _Description:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32  # as networks are trained there
    model = build(architecture, task, seed=0)
    uses = attention_kernels(model, task.input_shape, device=device, dtype=dtype)
    shown: RenderableType = "there is no attention in this architecture"
    if uses:
        shown = kernel_table(uses, device_name(device))
    return _Description(shown, kernels_json(uses, device_name(device)))


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


def _find(what: str, runs: Path, *, trust: bool) -> tuple[Architecture, Task]:
    if what.partition("@")[0] in ZOO:
        return _named(what)
    if Path(what).is_file():
        architecture, task = read_architecture_and_task(
            Path(what), imports=allow_imports(Path(what), trust=trust)
        )
        return architecture, task or IMAGENET
    if re.fullmatch(rf"[0-9a-f]{{{ARCH_ID_DIGITS}}}", what):
        return _in_runs(what, runs, trust=trust)
    suggestion = did_you_mean(what.partition("@")[0], ZOO)
    raise CommandError(
        f"{what!r} is not the name of a network, an arch_id or a file; "
        + f"{suggestion} `nas zoo` lists the names".lstrip()
    )


def _named(name: str) -> tuple[Architecture, Task]:
    """Return a network of the zoo, such as ``sasa_resnet50@0.5``, with its paper's task."""
    try:
        known = named_network(name)
        return known.at_width(1.0), known.task
    except ValueError as error:
        raise CommandError(f"{name}: {error}") from error


def _in_runs(arch_id: str, runs: Path, *, trust: bool) -> tuple[Architecture, Task]:
    """Return an architecture from the first run that has it, with that run's task."""
    for config_file in sorted(runs.glob("*/config.yaml")):
        run = RunFolder(config_file.parent, trust=trust)
        if run.path.is_symlink() or not run.task_file.is_file():
            continue
        try:
            task = run.task()
            _, ledger = ledger_of(run)
            rows = [*ledger.evaluations("search"), *ledger.evaluations("baselines")]
        except (RunError, ConfigError, TrustError) as error:
            log.warning("run %s was passed over: %s", run.name, error)
            continue
        for row in rows:
            if row.arch_id == arch_id:
                return row.architecture, task
    raise CommandError(f"no run in {runs} has an architecture {arch_id}")
