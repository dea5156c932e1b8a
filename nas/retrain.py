"""Full training of architectures that a search found: what to train, and what is kept of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

import torch
from pydantic import ValidationError
from torch import nn

from nas.config import SearchConfig
from nas.evaluation_row import Evaluation
from nas.ledger import Ledger
from nas.run_folder import RunError, RunFolder, write_whole
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.networks import build
from search_space.reading import explain
from trainers import CheckpointError, load_checkpoint, save_checkpoint

CHECKPOINT_EVERY_EPOCHS = 5
WEIGHTS_ERROR_CHARACTERS = 300

Read = TypeVar("Read", Architecture, Task)


@dataclass(frozen=True)
class Retraining:
    """One full training, and its folder ``retrain/ARCH_ID-RECIPE-seedN``."""

    architecture: Architecture
    seed: int
    recipe_id: str
    folder: Path

    @classmethod
    def of(
        cls, architecture: Architecture, seed: int, config: SearchConfig, run: RunFolder
    ) -> Retraining:
        """The training of ``architecture`` with ``seed`` by the run's recipe."""
        name = f"{architecture.arch_id}-{config.retrain_id}-seed{seed}"
        return cls(architecture, seed, config.retrain_id, run.retrain_folder / name)

    @property
    def checkpoint_file(self) -> Path:
        """Where an interrupted training goes on from."""
        return self.folder / "checkpoint.pt"

    @property
    def model_file(self) -> Path:
        """The trained network; :func:`load_model` reads it."""
        return self.folder / "model.pt"

    def start(self) -> dict[str, Any] | None:
        """Make the folder; the state to go on from, if there is one.

        Raises:
            CheckpointError: the checkpoint is damaged.
            RunError: the folder cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make {self.folder}: {error.strerror}") from error
        return load_checkpoint(self.checkpoint_file) if self.checkpoint_file.exists() else None

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Keep the state of an unfinished training.

        Raises:
            CheckpointError: it cannot be written; an earlier one stays.
        """
        save_checkpoint(self.checkpoint_file, dict(state))

    def finish(
        self,
        ledger: Ledger,
        task: Task,
        *,
        weights: Mapping[str, Any],
        metrics: dict[str, float],
        curve: Sequence[Mapping[str, Any]],
        device_seconds: float,
    ) -> Evaluation:
        """Keep the network and its curve, then record the result; the checkpoint has served."""
        model = {
            "architecture": self.architecture.canonical_json(),
            "task": task.canonical_json(),
            "weights": dict(weights),
        }
        save_checkpoint(self.model_file, model)
        write_curve(self.folder / "curve.csv", curve)
        row = ledger.add(
            "retrain",
            self.architecture,
            seed=self.seed,
            metrics=metrics | network_costs(self.architecture, task).metrics(),
            curve=curve,
            device_seconds=device_seconds,
            recipe_id=self.recipe_id,
        )
        self.checkpoint_file.unlink(missing_ok=True)
        return row


def pending(
    architectures: Sequence[Architecture], config: SearchConfig, run: RunFolder, ledger: Ledger
) -> list[Retraining]:
    """The full trainings that are wanted and not in the ledger yet.

    The test images are looked at once for each: a finished one is never run again.
    """
    done = {
        (row.arch_id, row.seed)
        for row in ledger.evaluations("retrain")
        if row.recipe_id == config.retrain_id
    }
    wanted = [
        Retraining.of(architecture, config.seed + repeat, config, run)
        for architecture in dict.fromkeys(architectures)
        for repeat in range(config.retrain_seeds)
    ]
    return [w for w in wanted if (w.architecture.arch_id, w.seed) not in done]


def load_model(path: Path) -> tuple[nn.Module, Architecture, Task]:
    """A retrained network in evaluation mode, its architecture and its task.

    Args:
        path: a ``model.pt`` that ``nas retrain`` wrote.

    Raises:
        CheckpointError: it is damaged, no such file, or something else; or its architecture or
            weights are not such as this version makes.
    """
    saved = load_checkpoint(path)
    missing = {"architecture", "task", "weights"} - saved.keys()
    if missing:
        raise CheckpointError(f"{path} is not a retrained model: it has no {min(missing)}")
    architecture = _read_back(Architecture, saved, path)
    task = _read_back(Task, saved, path)
    weights = _weights(saved, path)
    try:
        params = network_costs(architecture, task).params
        if params > (held := sum(tensor.numel() for tensor in weights.values())):
            # seen before memory is taken for an architecture of any size
            raise _of_another_version(
                path, f"its weights do not fit: {params:,} parameters are needed, it holds {held:,}"
            )
        model = build(architecture, task, seed=0)
    except ValueError as error:
        raise _of_another_version(path, f"{architecture} cannot be built: {error}") from error
    try:
        model.load_state_dict(weights)
    except (RuntimeError, TypeError) as error:
        # PyTorch names every tensor that differs, which can be hundreds.
        differing = shorten(str(error), WEIGHTS_ERROR_CHARACTERS, placeholder=" ...")
        raise _of_another_version(path, f"its weights do not fit: {differing}") from error
    return model.eval(), architecture, task


def _weights(saved: Mapping[str, Any], path: Path) -> dict[str, torch.Tensor]:
    found = saved["weights"]
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in found.items()
    ):
        raise _of_another_version(path, "its weights do not fit: they must be tensors by name")
    return found


def _read_back(kind: type[Read], saved: Mapping[str, Any], path: Path) -> Read:
    name = kind.__name__.lower()
    try:
        return kind.from_json(saved[name])
    except ValidationError as error:
        problems = "; ".join(explain(error, kind, name))
        raise _of_another_version(path, f"its {name} is not valid: {problems}") from error


def _of_another_version(path: Path, why: str) -> CheckpointError:
    return CheckpointError(f"{path} was made by another version of this software: {why}")


def write_curve(path: Path, curve: Sequence[Mapping[str, Any]]) -> None:
    """A training's curve as CSV, one row an epoch."""

    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(curve[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    write_whole(path, text.getvalue())
