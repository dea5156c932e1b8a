"""``nas tabulate``: train every architecture of a small space, and write a compressed CSV."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analysis.noise import pooled_deviation
from nas.benchmark.csv_table import read_cells
from nas.benchmark.tabulation import (
    MAY_CHANGE,
    all_costs,
    all_entries,
    rows_by_key,
    table_text,
    write_table,
)
from nas.cli.output import Output
from nas.cli.progress import LineDisplay
from nas.config.tabulation import TabulationConfig, load_tabulation
from nas.errors import CommandError
from nas.evaluation.assignment import Assignment
from nas.evaluation.evaluate import task_of
from nas.evaluation.metric_names import MetricNames
from nas.quantities import duration
from nas.ray.cluster.connection import connected
from nas.ray.cluster.nodes import trials_at_once
from nas.ray.cluster.signals import ignored
from nas.ray.tabulate import run_trainings
from nas.storage.run.journal import Journal, open_journal
from search_space.architecture import Task
from search_space.yaml_validation import ConfigError
from trainers import load_splits

ENDING = ".csv.gz"


def run_tabulate_command(
    output: Output, config_file: Path, overrides: Sequence[str], out: Path
) -> None:
    """Train what is missing in the journal beside ``out``, then write the table.

    Raises:
        CommandError, ConfigError, DataError, RunError, ClusterError: see
            :mod:`nas.errors`.
        KeyboardInterrupt: on Ctrl-C, after printing how to continue.
    """
    if not out.name.endswith(ENDING):
        raise CommandError(f"--out must end in {ENDING}, got {str(out)!r}")
    config = load_tabulation(config_file, overrides)
    splits = load_splits(config.data, config.recipe.pixels)
    detects = config.search_space().config.detector is not None
    if detects != splits.has_objects:
        networks = "detectors" if detects else "classifiers"
        labels = "objects in boxes" if splits.has_objects else "a label for each image"
        problem = f"space: is of {networks}, and data set {splits.name!r} has {labels}"
        raise ConfigError(str(config_file), [problem])
    task = task_of(config.data, splits)
    costs = all_costs(config, task)
    words = ["nas", "tabulate", str(config_file), *overrides, "--out", str(out)]
    journal_file = out.with_name(f"{out.name.removesuffix(ENDING)}.journal.jsonl")
    with open_journal(journal_file, config, shlex.join(words), may_differ=MAY_CHANGE) as journal:
        _train_missing(output, config, task, journal)
        write_table(out, table_text(config, journal, costs))
        failed = sum("error" in row for row in rows_by_key(journal).values())
    output.say(f"wrote {out}: {_summary(out, config)}")
    if failed:
        output.say(
            f"{failed} trainings raised, as its head says; without their lines in {journal_file} "
            "the same command trains them again"
        )


def _train_missing(output: Output, config: TabulationConfig, task: Task, journal: Journal) -> None:
    entries, known = all_entries(config), rows_by_key(journal)
    wanted = [entry for entry in entries if entry.key not in known]
    output.say(
        f"{config.search_space().name}: {len(entries)} trainings, {len(config.seeds)} of each "
        f"architecture; {len(known)} of them in {journal.path}"
    )
    if not wanted:
        return
    progress = _Progress(len(entries), journal)
    try:
        with (
            connected(config.ray, config.modules, sys.argv[1:]) as cluster,
            LineDisplay(output, progress.line) as display,
        ):

            def keep(row: dict[str, Any]) -> None:
                journal.add(row)
                display.update()

            lost = run_trainings(
                wanted,
                _assignment(config, task),
                config.resources,
                concurrency=trials_at_once(config.resources),
                on_row=keep,
                check=cluster.check,
            )
    except KeyboardInterrupt:
        with ignored():
            output.say(
                f"\nstopped: {len(journal.rows)} of {len(entries)} trainings are kept in "
                f"{journal.path}; the same command continues"
            )
        raise
    if lost:
        (arch_id, seed), cause = next(iter(lost.items()))
        raise CommandError(
            f"{len(lost)} of {len(entries)} trainings have no result, since their workers died; "
            f"the same command trains them again. {arch_id} with seed {seed}: {cause}"
        )


def _assignment(config: TabulationConfig, task: Task) -> Assignment:
    """Return what workers need."""
    return Assignment(
        data=config.data,
        task=task,
        recipe=config.recipe,
        metric=config.metric,
        device=config.resources.device_type,
        threads=config.resources.threads,
    )


class _Progress:
    """Progress of the trainings, and the time left at the pace since the start."""

    def __init__(self, wanted: int, journal: Journal) -> None:
        self._wanted = wanted
        self._journal = journal
        self._known = len(journal.rows)
        self._began = time.monotonic()

    def line(self) -> str:
        """Return the line to show."""
        rows = self._journal.rows
        done, elapsed = len(rows) - self._known, time.monotonic() - self._began
        parts = [f"trainings {len(rows)}/{self._wanted}"]
        if failed := sum("error" in row for row in rows):
            parts.append(f"{failed} failed")
        parts.append(f"{sum(row['train_seconds'] for row in rows) / 3600:.2f} device-hours")
        parts.append(f"{duration(elapsed)} elapsed")
        if done and len(rows) < self._wanted:
            parts.append(f"about {duration((self._wanted - len(rows)) * elapsed / done)} left")
        return " | ".join(parts)


def _summary(out: Path, config: TabulationConfig) -> str:
    """Return the spread between architectures and between seeds, from the written table."""
    table = read_cells(out)
    names = MetricNames(config.metric)
    columns = [table.column(names.key(f"val_accuracy_seed{seed}")) for seed in config.seeds]
    trained = [row for row in zip(*columns, strict=True) if all(row)]
    shown = f"{len(table.rows)} architectures, {len(config.seeds)} seeds"
    if not trained:
        return shown
    accuracies = np.array(trained, dtype=float)
    low, q1, q3, high = np.percentile(accuracies.mean(1), [0, 25, 75, 100])
    shown += (
        f"; mean {names['val_accuracy'].label} {low:.1%} to {high:.1%}, interquartile range "
        f"{q3 - q1:.1%}"
    )
    if len(config.seeds) > 1:
        noise = pooled_deviation(accuracies)
        assert noise is not None  # there are two seeds or more
        shown += (
            f"; deviation between seeds {noise.deviation:.2%} (pooled, {noise.degrees_of_freedom} "
            "degrees of freedom)"
        )
    return shown
