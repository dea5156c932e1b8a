"""The state of a run: copies, and checks that a state belongs to a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from trainers.data.splits.dataset import ImageSplits
from trainers.data.splits.picture_split import PictureSplit
from trainers.errors import CheckpointError
from trainers.precision import Precision
from trainers.recipe import Recipe

SHOWN_DIFFERENCES = 5

ADDED = (
    "data.fingerprint",
    "data.split",
    "data.block_images",
    "data.input_shape",
    "data.decoded_each_use",
)
"""Keys that states of earlier versions lack."""


def run_identity(
    recipe: Recipe, splits: ImageSplits, *, seed: int, precision: Precision, evaluate_on: str
) -> dict[str, Any]:
    """Return what must be equal for a resumed run to be the same run, as plain values.

    The digest of the split tells which images of the set are trained on.
    """
    return {
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
        "precision": precision,
        "evaluate_on": evaluate_on,
        "data": {
            "name": splits.name,
            "fingerprint": splits.fingerprint,
            "split": splits.train.digest(),
            "block_images": splits.loading.block_images,
            "input_shape": list(splits.input_shape),
            "decoded_each_use": isinstance(splits.train, PictureSplit),
            "train_images": len(splits.train),
            "classes": splits.classes,
            "train_mean": list(splits.mean),
            "train_std": list(splits.std),
        },
    }


def check_identity(here: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Compare a state's identity with this run's.

    Raises:
        CheckpointError: naming each value that differs, up to five, both ways.
    """
    if not isinstance(state.get("identity"), dict):
        raise CheckpointError(f"no state of a training run: its keys are {sorted(state)[:9]}")
    mine, theirs = _flat(here), _flat(state["identity"])
    mine = {key: value for key, value in mine.items() if key in theirs or key not in ADDED}
    differences = [
        f"{key}: checkpoint {theirs.get(key, 'absent')!r}, this run {mine.get(key, 'absent')!r}"
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key, "absent") != theirs.get(key, "absent")
    ]
    if differences:
        raise CheckpointError(f"the checkpoint is of another run: {_shortened(differences)}")


def check_weights(here: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor]) -> None:
    """Compare the names and shapes of a state's weights with the model's.

    Raises:
        CheckpointError: naming up to five that are missing, unknown or of another shape.
    """
    differences = [f"{name} is missing" for name in here if name not in weights]
    differences += [f"{name} is unknown to the model" for name in weights if name not in here]
    differences += [
        f"{name} is {list(weights[name].shape)}, in the model {list(tensor.shape)}"
        for name, tensor in here.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    if differences:
        raise CheckpointError(f"the checkpoint is of another model: {_shortened(differences)}")


def copied(value: Any) -> Any:
    """Return the same nested value with every tensor cloned."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, Mapping):
        return {key: copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [copied(inner) for inner in value]
    return value


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _shortened(differences: list[str]) -> str:
    more = len(differences) - SHOWN_DIFFERENCES
    shown = "; ".join(differences[:SHOWN_DIFFERENCES])
    return f"{shown}; and {more} more" if more > 0 else shown
