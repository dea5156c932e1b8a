"""``nas latency-table``: measure a space's parts on this machine, for searches to predict by."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.status import Status
from rich.table import Table

from nas.commands.describe import changed_task
from nas.config_file import load_config, parse_overrides
from nas.evaluate import task_of
from nas.make_latency_table import TableProgress, make_table
from nas.progress import LOG_EVERY_SECONDS, duration
from nas.user_errors import CommandError
from search_space.architecture import Task
from search_space.cost.latency import LatencySettings
from search_space.cost.latency_table import Correction, LatencyTable
from search_space.reading import read_yaml, validate
from search_space.space import SearchSpace
from search_space.values import Value
from search_space.zoo import IMAGENET
from trainers import load_splits


class _SpaceOverrides(Value):
    """What may be overridden where a space's own file is given."""

    latency: LatencySettings = LatencySettings()


def make_table_command(
    console: Console,
    source: Path,
    overrides: Sequence[str],
    out: Path,
    *,
    image: str,
    classes: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Make or finish a table and print its fit.

    Raises:
        CommandError, DescriptionError, DataError, DeviceBusy, RunError: see
            :mod:`nas.user_errors`.
        KeyboardInterrupt: what was measured is kept.
    """
    space, task, settings = _wanted(source, overrides, image, classes)
    progress = Console(stderr=True)
    with progress.status("measuring") as status:
        table = make_table(
            space, task, settings, out, seed=seed, on_progress=_Display(progress, status)
        )
    assert table.correction is not None
    if as_json:
        console.print_json(data=table_json(table, table.correction, out))
    else:
        _show(console, table, table.correction, out)


def table_json(table: LatencyTable, correction: Correction, file: Path) -> dict[str, Any]:
    """What a table says of itself, without its parts."""
    context = table.model_dump(mode="json", exclude={"parts", "networks", "correction"})
    return context | {
        "file": str(file),
        "parts": len(table.parts),
        "correction": correction.model_dump(mode="json"),
        "networks": [
            network.model_dump(mode="json") | {"predicted_ms": correction(network.sum_ms)}
            for network in table.networks
        ],
    }


def _wanted(
    source: Path, overrides: Sequence[str], image: str, classes: int | None
) -> tuple[SearchSpace, Task, LatencySettings]:
    """What to measure, from a search's configuration or a space's own file."""
    data = read_yaml(source)
    if isinstance(data, dict) and "space" in data:
        if image or classes is not None:
            raise CommandError(f"{source} is a search: its data decide --image and --classes")
        config = load_config(source, overrides)
        return config.search_space(), task_of(config.data, load_splits(config.data)), config.latency
    space = SearchSpace.from_mapping(data, str(source))
    if not image or classes is None:
        raise CommandError(
            f"{source} is a space, which says nothing of images: give --image, such as 3x32x32, "
            "and --classes"
        )
    chosen = validate(_SpaceOverrides, parse_overrides(overrides), "command line")
    return space, changed_task(IMAGENET, image, classes), chosen.latency


class _Display:
    """Shows how far the measuring is: in place on a terminal, else as a line now and then."""

    def __init__(self, console: Console, status: Status) -> None:
        self._console = console
        self._status = status
        self._started = time.monotonic()
        self._next_line = self._started + LOG_EVERY_SECONDS
        self._parts_before: int | None = None

    def __call__(self, done: TableProgress) -> None:
        now = time.monotonic()
        if self._parts_before is None:
            self._parts_before = done.parts
        line = (
            f"parts {done.parts:,}/{done.parts_wanted:,}, networks "
            f"{done.networks}/{done.networks_wanted}"
        )
        new = done.parts - self._parts_before
        if new and done.parts < done.parts_wanted:
            left = (now - self._started) / new * (done.parts_wanted - done.parts)
            line += f", about {duration(left)} left"
        self._status.update(line)
        if not self._console.is_terminal and now >= self._next_line:
            self._next_line = now + LOG_EVERY_SECONDS
            self._console.print(line, highlight=False)


def _show(console: Console, table: LatencyTable, correction: Correction, file: Path) -> None:
    settings = table.settings
    console.print(
        f"{len(table.parts):,} parts of {table.space!r} on {table.device} ({settings.device}, "
        f"{settings.dtype}, batch {settings.batch_size}, {settings.threads} threads, images "
        f"{'x'.join(map(str, table.input_shape))}) in {file}",
        highlight=False,
        soft_wrap=True,
    )
    rows = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("network", "sum of parts ms", "predicted ms", "measured ms", "error"):
        rows.add_column(heading, justify="left" if heading == "network" else "right")
    for network in table.networks:
        predicted = correction(network.sum_ms)
        rows.add_row(
            network.arch_id,
            *(f"{value:.4g}" for value in (network.sum_ms, predicted, network.latency_ms)),
            f"{predicted / network.latency_ms - 1:+.1%}",
        )
    console.print(rows)
    console.print(
        f"predicted = {correction.constant_ms:.4g} ms + {correction.factor:.4g} x sum; margin "
        f"{correction.margin:.1%}: the largest error of a network that the others predict",
        highlight=False,
        soft_wrap=True,
    )
