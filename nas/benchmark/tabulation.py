"""A tabular benchmark: every architecture of a small space, trained with every seed.

The table is a CSV, compressed by gzip. ``#`` lines at its head say how it was made; then a header
and one row for each architecture: a column for each choice of the space (empty if inactive),
``arch_id``, ``params``, ``macs``, ``activations`` and, for each seed S, ``val_accuracy_seedS`` (a
fraction, of the last epoch), ``train_seconds_seedS`` and, for each evaluated epoch E,
``val_accuracy_seedS_epochE``; those of detectors begin with ``val_map``. The cells of a training
that raised are empty, and a ``# failed`` line says why.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nas.config.tabulation import TabulationConfig
from nas.errors import RunError
from nas.evaluation.metric_names import MetricNames
from nas.storage.run.journal import Journal
from nas.storage.whole_file import write_whole
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.yaml_validation import ConfigError

MAY_CHANGE = ("name", "modules", "ray.", "resources.cpus_per_trial")
"""The keys of the configuration that may change when an interrupted tabulation continues.

``resources.gpus_per_trial`` may not: with a GPU, seconds are wall time, else processor time.
"""

Key = tuple[str, int]
"""The key of a training in the journal: arch_id and seed."""


class Entry(NamedTuple):
    """One training of a table."""

    architecture: Architecture
    seed: int

    @property
    def key(self) -> Key:
        """Its key in the journal."""
        return self.architecture.arch_id, self.seed


def all_entries(config: TabulationConfig) -> list[Entry]:
    """Return every architecture with every seed, by arch_id: any first part is a fair sample."""
    architectures = sorted(config.search_space().architectures(), key=lambda a: a.arch_id)
    return [Entry(architecture, seed) for architecture in architectures for seed in config.seeds]


def all_costs(config: TabulationConfig, task: Task) -> dict[str, dict[str, float]]:
    """Return parameters, MACs and activations by arch_id.

    Raises:
        ConfigError: an architecture cannot take the task's images.
    """
    costs = {}
    for architecture in config.search_space().architectures():
        try:
            costs[architecture.arch_id] = network_costs(architecture, task).metrics()
        except ValueError as error:
            raise ConfigError(config.name, [f"space: {architecture}: {error}"]) from error
    return costs


def rows_by_key(journal: Journal) -> dict[Key, dict[str, Any]]:
    """Return the trainings that have ended, including those that raised.

    Raises:
        RunError: a line describes no training.
    """
    try:
        return {(row["arch_id"], row["seed"]): row for row in journal.rows}
    except KeyError as error:
        raise RunError(f"{journal.path}: a training's line has no {error.args[0]!r}") from error


def table_text(
    config: TabulationConfig, journal: Journal, costs: Mapping[str, Mapping[str, float]]
) -> str:
    """Return the table of a complete journal; the same journal gives the same text.

    Args:
        config: what was tabulated.
        journal: holds every training.
        costs: costs by arch_id.
    """
    space, rows = config.search_space(), rows_by_key(journal)
    trained = [rows[entry.key] for entry in all_entries(config)]
    epochs = sorted({epoch for row in trained for epoch, _ in row.get("curve", ())})
    choices = [parameter.name for parameter in space.parameters]
    cost_names = list(next(iter(costs.values())))
    accuracy = MetricNames(config.metric).key("val_accuracy")
    header = [*choices, "arch_id", *cost_names]
    for seed in config.seeds:
        header += [f"{accuracy}_seed{seed}", f"train_seconds_seed{seed}"]
        header += [f"{accuracy}_seed{seed}_epoch{epoch}" for epoch in epochs]
    text = io.StringIO()
    text.writelines(f"# {line}\n" for line in _comments(config, journal, trained))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for architecture in space.architectures():
        params, arch_id = space.params_of(architecture), architecture.arch_id
        cells: list[Any] = [*(params.get(name, "") for name in choices), arch_id]
        cells += [costs[arch_id][name] for name in cost_names]
        for seed in config.seeds:
            cells += _cells(rows[arch_id, seed], epochs)
        writer.writerow(cells)
    return text.getvalue()


def write_table(path: Path, text: str) -> None:
    """Write a table whole or not at all; the same text gives the same bytes.

    Raises:
        RunError: the disk is full or not writable; an earlier table stays.
    """
    write_whole(path, gzip.compress(text.encode(), mtime=0))


def _cells(row: Mapping[str, Any], epochs: Sequence[int]) -> list[str]:
    """Return a training's cells: accuracy, seconds, curve; all empty if it raised."""
    if "error" in row:
        return [""] * (2 + len(epochs))
    curve = dict(row["curve"])
    accuracies = [f"{curve[epoch]:.4f}" for epoch in epochs]
    return [f"{row['val_accuracy']:.4f}", f"{row['train_seconds']:.2f}", *accuracies]


def _comments(
    config: TabulationConfig, journal: Journal, trained: Sequence[Mapping[str, Any]]
) -> list[str]:
    space = config.search_space()
    machines = Counter(row["machine"] for row in trained)
    device = "GPU's wall time" if config.resources.gpus_per_trial else "processor's time"
    hours = sum(row["train_seconds"] for row in trained) / 3600
    failed = [row for row in trained if "error" in row]
    return [
        journal.command,
        f"space: {space.name}, {space.size} architectures, sha256 {config.description_id}",
        f"space description: {config.description_json}",  # `nas benchmark` reads the rows by it
        f"data: {_json(config.data.model_dump(mode='json', exclude_none=True))}",
        f"recipe: {_json(config.recipe.model_dump(mode='json', exclude_none=True))}",
        f"seeds: {', '.join(map(str, config.seeds))}",
        *(f"machine: {kind} ({number} trainings)" for kind, number in sorted(machines.items())),
        f"train_seconds: {device}, evaluations included",
        f"device-hours: {hours:.2f}",
        f"failed trainings: {len(failed)} of {len(trained)}",
        *(f"failed: {row['arch_id']} seed {row['seed']}: {_last_line(row)}" for row in failed),
    ]


def _last_line(row: Mapping[str, Any]) -> str:
    """Return the last line of a traceback, which says what was raised."""
    last: str = row["error"].strip().splitlines()[-1]
    return last


def _json(data: Any) -> str:
    return json.dumps(data, sort_keys=True)
