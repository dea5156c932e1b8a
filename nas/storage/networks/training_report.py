"""The report of a full training: all that was measured, and on what terms, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nas.config.search_config import SearchConfig
from nas.evaluation.full_training import Trained
from search_space.architecture import Architecture


def training_report(
    trained: Trained,
    config: SearchConfig,
    architecture: Architecture,
    costs: Mapping[str, float],
    *,
    seed: int,
    number: int,
) -> dict[str, Any]:
    """Return the report, which ``report.json`` in the training's folder holds.

    Accuracies and errors are fractions; losses are in nats. ``validation`` is None for a training
    on the validation images, and ``validation_beside`` without an average of weights.

    Args:
        trained: the finished training.
        config: of its run.
        architecture: of the network.
        costs: params, macs and activations.
        seed: of the training.
        number: of the training, among those of the architecture by the recipe.
    """
    beside = trained.validation_beside
    return {
        "arch_id": architecture.arch_id,
        "description": str(architecture),
        "training": number,
        "seed": seed,
        "recipe_id": config.retrain_id,
        "recipe": config.retrain.model_dump(mode="json"),
        "train_on": config.retrain_data,
        "images": trained.decoding,
        "metric": config.metric,
        "weights": trained.weights_named,
        "test": trained.test.to_dict(),
        "validation": None if trained.validation is None else trained.validation.to_dict(),
        "validation_beside": (
            None if beside is None else {"weights": trained.weights_beside, **asdict(beside)}
        ),
        "class_names": list(trained.class_names),
        "preprocessing": trained.preprocessing.model_dump(mode="json"),
        "execution": trained.execution.to_dict(),
        "groups_at_once": trained.groups_at_once,
        "device_seconds": trained.device_seconds,
        **costs,
    }
