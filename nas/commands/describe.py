"""``nas describe``: one architecture, stage by stage."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import torch
from pydantic import ValidationError

from analysis.architecture_table import describe_json, describe_table
from analysis.kernel_table import kernel_table, kernels_json
from nas.ledger import ledger_of
from nas.output import Output
from nas.run_folder import RunError, RunFolder
from nas.user_errors import CommandError
from search_space.architecture import ARCH_ID_DIGITS, Architecture, Task
from search_space.architecture_file import read_architecture
from search_space.cost import network_costs
from search_space.cost.kernels import attention_kernels
from search_space.cost.latency import device_name
from search_space.nearest import nearest
from search_space.networks import build
from search_space.reading import DescriptionError, explain
from search_space.zoo import IMAGENET, ZOO, named_network

log = logging.getLogger(__name__)


def show_architecture(
    output: Output,
    what: str,
    runs: Path,
    *,
    image: str,
    classes: int | None,
    kernels: bool,
) -> None:
    """Print a network of the zoo, an architecture of a run, or one in a file.

    With ``kernels``, what its attention runs by on this machine, in place of its costs.

    Raises:
        CommandError: there is no such thing, or it cannot take such images.
        DescriptionError: the file does not describe one architecture.
    """
    architecture, task = _find(what, runs)
    task = changed_task(task, image, classes)
    try:
        costs = network_costs(architecture, task)
    except ValueError as error:
        raise CommandError(f"{what} on {'x'.join(map(str, task.input_shape))}: {error}") from error
    if kernels:
        _show_kernels(output, architecture, task)
    elif output.as_json:
        output.show_json(describe_json(architecture, task, costs))
    else:
        output.show(describe_table(architecture, task, costs))


def _show_kernels(output: Output, architecture: Architecture, task: Task) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32  # as networks are trained there
    model = build(architecture, task, seed=0)
    uses = attention_kernels(model, task.input_shape, device=device, dtype=dtype)
    if output.as_json:
        output.show_json(kernels_json(uses, device_name(device)))
    elif uses:
        output.show(kernel_table(uses, device_name(device)))
    else:
        output.say("there is no attention in this architecture")


def changed_task(task: Task, image: str, classes: int | None) -> Task:
    """The task with the image and classes asked for, where they are given."""
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


def _find(what: str, runs: Path) -> tuple[Architecture, Task]:
    if what.partition("@")[0] in ZOO:
        return _named(what)
    if Path(what).is_file():
        return read_architecture(Path(what)), IMAGENET
    if re.fullmatch(rf"[0-9a-f]{{{ARCH_ID_DIGITS}}}", what):
        return _in_runs(what, runs)
    near = nearest(what.partition("@")[0], ZOO)
    suggestion = f"did you mean {near!r}? " if near else ""
    raise CommandError(
        f"{what!r} is not the name of a network, an arch_id or a file; {suggestion}"
        "`nas zoo` lists the names"
    )


def _named(name: str) -> tuple[Architecture, Task]:
    """A network of the zoo, such as ``sasa_resnet50@0.5``, with its paper's task."""
    try:
        known = named_network(name)
        return known.at_width(1.0), known.task
    except ValueError as error:
        raise CommandError(f"{name}: {error}") from error


def _in_runs(arch_id: str, runs: Path) -> tuple[Architecture, Task]:
    """An architecture that some run has seen, with that run's task."""
    for config_file in sorted(runs.glob("*/config.yaml")):
        run = RunFolder(config_file.parent)
        if run.path.is_symlink() or not run.task_file.is_file():
            continue
        try:
            task = run.task()
            _, ledger = ledger_of(run)
            rows = [*ledger.evaluations("search"), *ledger.evaluations("baselines")]
        except (RunError, DescriptionError) as error:
            log.warning("run %s was passed over: %s", run.name, error)
            continue
        for row in rows:
            if row.arch_id == arch_id:
                return row.architecture, task
    raise CommandError(f"no run in {runs} has an architecture {arch_id}")
