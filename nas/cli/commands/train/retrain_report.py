"""The report of ``nas retrain``: a search's networks beside plain ones, as table and data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from analysis.paired_difference import paired_difference
from nas.config.recipe_overrides import Overrides, overrides_json
from nas.config.search_config import SearchConfig
from nas.evaluation.accuracy_metric import TrainOn
from nas.evaluation.deviations import standard_error
from nas.evaluation.metric_names import MetricNames
from nas.quantities import format_quantity
from nas.storage.accuracy_text import AS_FOUND
from nas.storage.candidates import Candidate
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.networks.retraining import full_trainings
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs


def difference_text(
    network: Architecture, plain: Architecture, config: SearchConfig, ledger: Ledger
) -> str:
    """Return by how much a network is better than the plain one, over the seeds of both.

    The search's own evaluation of the network is left out, since it chose that network.

    Returns:
        one line for people; empty if they share no seed, or the network is the plain one.

    Raises:
        RunError: the ledger cannot be read.
    """
    if network == plain:
        return ""
    proxies = [*ledger.evaluations("repeats"), *ledger.evaluations("baselines")]
    full, names = full_trainings(config, ledger), MetricNames(config.metric)
    parts = []
    for called, rows, metric in (
        ("proxy validation", proxies, "val_accuracy"),
        ("test", full, "test_accuracy"),
    ):
        first, second = (
            {r.seed: r.metrics[metric] for r in rows if r.architecture == each and r.metrics}
            for each in (network, plain)
        )
        difference = paired_difference(first, second)
        if difference is not None:
            parts.append(f"{names.of_split(called)} {difference}")
    if not parts:
        return ""
    return f"{network.arch_id} less {plain.arch_id}, over shared seeds: {', '.join(parts)}"


def report_row(
    proxies: Sequence[Candidate],
    trainings: Sequence[Evaluation],
    task: Task,
    architecture: Architecture,
    kind: str,
    train_on: TrainOn,
    *,
    network: str = "",
    overrides: Overrides | None = None,
) -> dict[str, Any]:
    """Return one architecture's costs, proxy evaluations and full trainings as plain data.

    Args:
        proxies: all proxy results.
        trainings: all full trainings by the same recipe.
        task: the run's.
        architecture: the row's.
        kind: "found", ``BY_NAME``, or the name of plain networks.
        train_on: the images of the full trainings.
        network: the name that `nas train` was given.
        overrides: what makes the recipe another one than the run's own.
    """
    proxy = next((c for c in proxies if c.architecture == architecture), None)
    full = [row for row in trainings if row.architecture == architecture]
    costs = network_costs(architecture, task)
    return {
        "kind": kind,
        "network": network or None,
        "arch_id": architecture.arch_id,
        "description": str(architecture),
        "params": costs.params,
        "macs": costs.macs,
        "proxy_val_accuracy": None if proxy is None else proxy.metrics["val_accuracy"],
        "proxy_standard_error": None if proxy is None else proxy.standard_error,
        "proxy_n": 0 if proxy is None else proxy.n,
        "proxy_is_fresh": None if proxy is None else proxy.is_fresh,
        "proxy_val_accuracy_as_found": None if proxy is None else proxy.as_found,
        "train_on": train_on,
        "val_accuracy": _mean(
            [row.metrics["val_accuracy"] for row in full if "val_accuracy" in row.metrics]
        ),
        "test_accuracy": _mean([row.metrics["test_accuracy"] for row in full]),
        "test_standard_error": standard_error([row.metrics["test_accuracy"] for row in full]),
        "n": len(full),
        "overrides": overrides_json(overrides or {}),
    }


def report_table(rows: Sequence[dict[str, Any]], names: MetricNames) -> Table:
    """Return a table of rows that :func:`report_row` made; all are by one recipe."""
    title = "trained in full"
    if any(row["train_on"] == "train+validation" for row in rows):
        title += " on train and validation images"
    table = Table(
        title=title,
        title_justify="left",
        caption=_overrides_text(rows[0]["overrides"]) if rows else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("network")
    costs = (names["params"].label, names["macs"].heading)
    splits = map(names.of_split, ("proxy validation", "validation", "test"))
    for heading in (*costs, *splits):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        proxy = _with_error(row["proxy_val_accuracy"], row["proxy_standard_error"], row["proxy_n"])
        if row["proxy_is_fresh"] is False:
            proxy = f"{row['proxy_val_accuracy']:.2%} {AS_FOUND}"
        test = _with_error(row["test_accuracy"], row["test_standard_error"], row["n"])
        kind = row["kind"] if row["network"] is None else f"{row['kind']}: {row['network']}"
        table.add_row(
            f"{kind}\n{row['arch_id']}",
            f"{row['params']:,}",
            format_quantity(row["macs"]),
            proxy,
            _with_error(row["val_accuracy"], None, row["n"]),
            Text(test, style="bold"),
        )
    return table


def _overrides_text(overrides: Mapping[str, Mapping[str, Any]]) -> Text | None:
    """Say, one line a key, what makes the recipe another one than the run's own."""
    if not overrides:
        return None
    lines = [
        f"  {key}={json.dumps(each['to'])} (was {json.dumps(each['from'])})"
        for key, each in overrides.items()
    ]
    return Text("\n".join(["by the run's recipe with", *lines]))


def _with_error(mean: float | None, error: float | None, n: int) -> str:
    if mean is None:
        return "-"
    return f"{mean:.2%}" + ("" if error is None else f" ± {100 * error:.2f}") + f" (n={n})"


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
