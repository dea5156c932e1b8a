"""``nas latency-table``: measure a space's parts here, to predict latencies in searches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nas.cli.commands.networks.describe import changed_task
from nas.cli.number_table import number_table
from nas.cli.output import Output
from nas.cli.progress import LineDisplay
from nas.config.files import load_config
from nas.config.overrides import parse_overrides
from nas.errors import CommandError
from nas.evaluation.evaluate import task_of
from nas.quantities import duration
from nas.search.problem import space_of
from nas.workflows.latency_table import TableProgress, make_table
from search_space.architecture import Task
from search_space.cost.latency_record import LatencySettings
from search_space.cost.latency_table import Correction, LatencyTable
from search_space.space import SearchSpace
from search_space.values import Value
from search_space.yaml_validation import read_yaml, validate
from search_space.zoo import IMAGENET
from trainers import load_splits


class _SpaceOverrides(Value):
    """The keys that may be overridden if the source is a space's file."""

    latency: LatencySettings = LatencySettings()


def make_table_command(
    output: Output,
    source: Path,
    overrides: Sequence[str],
    out: Path,
    *,
    image: str,
    classes: int | None,
    seed: int,
) -> None:
    """Make or finish a table and print its fit.

    Raises:
        CommandError, ConfigError, DataError, DeviceBusy, RunError: see
            :mod:`nas.errors`.
        KeyboardInterrupt: on Ctrl-C; the measurements are kept.
    """
    space, task, settings = _wanted(source, overrides, image, classes)
    progress = _Progress()
    with LineDisplay(Output(stderr=True), progress.line) as display:

        def show(done: TableProgress) -> None:
            progress.note(done)
            display.update()

        table = make_table(space, task, settings, out, seed=seed, on_progress=show)
    assert table.correction is not None
    if output.as_json:
        output.show_json(table_json(table, table.correction, out))
    else:
        _show(output, table, table.correction, out)


def table_json(table: LatencyTable, correction: Correction, file: Path) -> dict[str, Any]:
    """Return a table as plain data, without its parts."""
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
    """Return what to measure, from a search's configuration or a space's file."""
    data = read_yaml(source)
    if isinstance(data, dict) and "space" in data:
        if image or classes is not None:
            raise CommandError(f"{source} is a search: its data decide --image and --classes")
        config = load_config(source, overrides)
        splits = load_splits(config.data, config.proxy.pixels)
        return space_of(config), task_of(config.data, splits), config.latency
    space = SearchSpace.from_yaml(source, imports=True)
    if not image or classes is None:
        raise CommandError(
            f"{source} is a space, which says nothing of images: give --image, such as 3x32x32, "
            "and --classes"
        )
    chosen = validate(_SpaceOverrides, parse_overrides(overrides), "command line")
    return space, changed_task(IMAGENET, image, classes), chosen.latency


class _Progress:
    """Progress of the measurements, and the time left at the pace since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._done: TableProgress | None = None
        self._parts_before = 0

    def note(self, done: TableProgress) -> None:
        """Note the progress."""
        if self._done is None:
            self._parts_before = done.parts
        self._done = done

    def line(self) -> str:
        """Return the line to show."""
        done = self._done
        if done is None:
            return "measuring"
        line = (
            f"parts {done.parts:,}/{done.parts_wanted:,}, networks "
            f"{done.networks}/{done.networks_wanted}"
        )
        new = done.parts - self._parts_before
        if new and done.parts < done.parts_wanted:
            left = (time.monotonic() - self._started) / new * (done.parts_wanted - done.parts)
            line += f", about {duration(left)} left"
        return line


def _show(output: Output, table: LatencyTable, correction: Correction, file: Path) -> None:
    settings = table.settings
    output.say(
        f"{len(table.parts):,} parts of {table.space!r} on {table.device} ({settings.device}, "
        f"{settings.dtype}, batch {settings.batch_size}, {settings.threads} threads, images "
        f"{'x'.join(map(str, table.input_shape))}) in {file}"
    )
    rows = number_table("network", "sum of parts ms", "predicted ms", "measured ms", "error")
    for network in table.networks:
        predicted = correction(network.sum_ms)
        rows.add_row(
            network.arch_id,
            *(f"{value:.4g}" for value in (network.sum_ms, predicted, network.latency_ms)),
            f"{predicted / network.latency_ms - 1:+.1%}",
        )
    output.show(rows)
    output.say(
        f"predicted = {correction.constant_ms:.4g} ms + {correction.factor:.4g} x sum; margin "
        f"{correction.margin:.1%}: the largest error of a network that the others predict"
    )
