"""Make a latency table: measure every part of a space here, then some whole networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from nas.costs.latency_prediction import hardware_of, read_table
from nas.random_streams import Stream, generator
from nas.storage.whole_file import write_whole
from nas.workflows.image_fit import check_images
from search_space.architecture import Architecture, Task
from search_space.attention import preferred_on
from search_space.cost.core_speed import CoreSpeed
from search_space.cost.latency_record import LatencySettings
from search_space.cost.latency_table import (
    FEWEST_NETWORKS,
    LatencyTable,
    NetworkLatency,
    PartLatency,
    PartSums,
    fit_correction,
    measure_network,
    measure_part,
)
from search_space.digest import short_sha256
from search_space.networks.parts import part_name, parts_of_space
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError

NETWORKS = 10
"""Number of whole networks that the correction is fitted to."""

NETWORKS_DRAWN = 200
"""Random architectures among which they are chosen, evenly over the order of predicted latency."""

SAVED_EVERY = 50
"""Parts measured between two writes of the file."""


class TableProgress(NamedTuple):
    """The progress of making a table."""

    parts: int
    parts_wanted: int
    networks: int
    networks_wanted: int


def make_table(
    space: SearchSpace,
    task: Task,
    settings: LatencySettings,
    path: Path,
    *,
    seed: int,
    on_progress: Callable[[TableProgress], None],
) -> LatencyTable:
    """Measure every part of ``space`` on this machine, then some networks; continue a begun table.

    The file is written every 50 parts, so that an interruption loses little.

    Args:
        space: the space with the parts.
        task: images and classes of its networks.
        settings: how to measure.
        path: the table's file.
        seed: seed of weights, of the order of measuring, and of the choice of networks.
        on_progress: called after each measurement.

    Raises:
        ConfigError: the file is no table, or one of another space, task, device or setting;
            or a network cannot take the images.
        RunError: the file cannot be written.
        ValueError, DeviceBusy: see :func:`search_space.cost.latency.measure_latency`.
    """
    check_images(space, task, seed=seed)
    begun = _empty_table(space, task, settings, seed)
    table = begun
    if path.exists():
        table = read_table(path)
        _check_same(path, begun, table)
    if space.size < FEWEST_NETWORKS:
        raise ConfigError(
            space.name,
            [f"has {space.size} architectures; a latency table needs {FEWEST_NETWORKS} or more"],
        )
    write_whole(path, table.model_dump_json(indent=1) + "\n")  # before anything that takes time
    core = CoreSpeed()
    parts = parts_of_space(space, task)
    order = generator(seed, Stream.MEASURED_PARTS).permutation(len(parts))
    measured = {entry.part: entry for entry in table.parts}
    names = {part_name(part) for part in parts}

    def report() -> None:
        done = len(measured.keys() & names)
        on_progress(TableProgress(done, len(parts), len(table.networks), NETWORKS))

    report()
    unsaved = 0
    try:
        for index in order:  # random, so that a drift of the machine favours no stage
            name = part_name(parts[index])
            if name in measured:
                continue
            measured[name] = measure_part(parts[index], settings, seed=seed, core=core)
            unsaved += 1
            report()
            if unsaved == SAVED_EVERY:
                unsaved = 0
                table = _saved(path, table, measured)
    finally:
        if unsaved:
            table = _saved(path, table, measured)
    sums = PartSums(table.parts)
    chosen = _spread_networks(space, task, sums, NETWORKS, seed)
    for architecture in chosen[len(table.networks) :]:
        network = measure_network(architecture, task, settings, sums, seed=seed, core=core)
        table = _saved(path, table, measured, networks=(*table.networks, network))
        report()
    if table.correction is None:
        table = table.replace(correction=fit_correction(table.networks))
        write_whole(path, table.model_dump_json(indent=1) + "\n")
    return table


def _empty_table(
    space: SearchSpace, task: Task, settings: LatencySettings, seed: int
) -> LatencyTable:
    return LatencyTable(
        space=space.name,
        space_id=space_id(space),
        device=hardware_of(settings),
        settings=LatencySettings(**{n: getattr(settings, n) for n in LatencySettings.model_fields}),
        input_shape=task.input_shape,
        classes=task.classes,
        torch_version=torch.__version__,
        attention=preferred_on(torch.device(settings.device).type),
        seed=seed,
    )


def _check_same(path: Path, begun: LatencyTable, saved: LatencyTable) -> None:
    """Raise if a saved table is another than the one begun."""
    context = [n for n in LatencyTable.model_fields if n not in ("parts", "networks", "correction")]
    problems = [
        f"{name}: the file's is {getattr(saved, name)}, this one would be {getattr(begun, name)}"
        for name in context
        if getattr(saved, name) != getattr(begun, name)
    ]
    if problems:
        raise ConfigError(
            f"{path} holds another latency table; give another file by --out", problems
        )


def _saved(
    path: Path,
    table: LatencyTable,
    parts: Mapping[str, PartLatency],
    networks: Sequence[NetworkLatency] = (),
) -> LatencyTable:
    table = table.replace(parts=tuple(parts.values()), networks=tuple(networks))
    write_whole(path, table.model_dump_json(indent=1) + "\n")
    return table


def _spread_networks(
    space: SearchSpace, task: Task, sums: PartSums, number: int, seed: int
) -> list[Architecture]:
    """Return random architectures, spread from the fastest to the slowest of many."""
    rng = generator(seed, Stream.MEASURED_NETWORKS)
    drawn = list(dict.fromkeys(space.sample(rng) for _ in range(NETWORKS_DRAWN)))
    drawn.sort(key=lambda architecture: sums.of_network(architecture, task))
    picked = np.linspace(0, len(drawn) - 1, min(number, len(drawn))).round().astype(int)
    return [drawn[index] for index in picked]


def space_id(space: SearchSpace) -> str:
    """Return the first 8 hexadecimal digits of the SHA-256 of a space's description."""
    return short_sha256(space.config.canonical_json(), 8)
