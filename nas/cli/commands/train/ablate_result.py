"""The result of an ablation, from its run's ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from analysis.ablation.comparisons import (
    AblationResult,
    Comparison,
    SwappedNetwork,
    TrainedNetwork,
    compared,
)
from analysis.ablation.labels import places_of
from analysis.paired_interval import CORRECTION, FEWEST_SEEDS, LEVEL
from nas.config.recipe_overrides import Overrides
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.evaluation.metric_names import MetricNames
from nas.quantities import number_range
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.workflows.ablation.swapped_networks import Ablation, trained_rows
from nas.workflows.checks import SearchData
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs


def ablation_result(
    run: str,
    ablation: Ablation,
    config: SearchConfig,
    ledger: Ledger,
    data: SearchData,
    overrides: Overrides,
) -> AblationResult:
    """Return the comparisons of the trainings that are done.

    Args:
        run: the run's name.
        ablation: the network and its swaps.
        config: of the run, with the recipe and number of seeds.
        ledger: of the run.
        data: of the run.
        overrides: what makes the recipe another one than the run's own.

    Raises:
        RunError: the ledger cannot be read, or has no comparison.
    """
    rows = trained_rows(config, ledger, data.images_id)
    original = _trained(ablation.original, rows.get(ablation.original, {}), data.task)
    comparisons, others = compared(
        original,
        [
            SwappedNetwork(
                swap.place,
                swap.change,
                _trained(swap.architecture, rows.get(swap.architecture, {}), data.task),
            )
            for swap in ablation.swaps
        ],
    )
    if not comparisons:
        raise RunError(
            f"no network was trained with {FEWEST_SEEDS} seeds of {original.arch_id}'s: trainings "
            "of an earlier version have other seeds, so begin a new run"
        )
    return AblationResult(
        title=f"What each part of {original.arch_id} contributes, run {run}",
        accuracy_label=MetricNames(config.metric).precise_label("test_accuracy"),
        original=original,
        places=places_of(ablation.original),
        comparisons=comparisons,
        not_compared=others,
        notes=tuple(_notes(original, comparisons, len(others), config, data, overrides)),
    )


def _trained(
    architecture: Architecture, rows: Mapping[int, Evaluation], task: Task
) -> TrainedNetwork:
    costs = network_costs(architecture, task)
    return TrainedNetwork(
        architecture.arch_id,
        str(architecture),
        costs.params,
        costs.macs,
        {row.seed: row.metrics["test_accuracy"] for row in rows.values()},
        {row.seed: row.device_seconds for row in rows.values()},
    )


def _notes(
    original: TrainedNetwork,
    comparisons: tuple[Comparison, ...],
    others: int,
    config: SearchConfig,
    data: SearchData,
    overrides: Overrides,
) -> list[str]:
    n = number_range(each.interval.n for each in comparisons)
    accuracy = float(np.mean(list(original.accuracies.values())))
    images = data.trained_on(config.retrain_data)
    number = len(comparisons)
    notes = [
        f"{data.task.dataset}: {config.retrain.epochs} epochs on {images:,} images; "
        f"{MetricNames(config.metric).noun} on {data.test:,} test images, of the "
        f"original {accuracy:.2%} (n={len(original.accuracies)})",
        f"exchanged less original, mean over the same seeds, n = {n}; comparisons made: {number}; "
        f"all their paired t intervals hold together with {LEVEL:.0%} ({CORRECTION}: each is at "
        f"1 - 0.05 / {number})",
    ]
    if overrides:
        changed = (f"{key}={json.dumps(now)}" for key, (_, now) in overrides.items())
        notes.append(f"by the run's recipe with {', '.join(changed)}")
    if others:
        notes.append(f"not trained yet: {others} more comparisons; each widens all intervals")
    return notes
