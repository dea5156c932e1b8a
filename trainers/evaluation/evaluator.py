"""Evaluation of a network in training: by raw or averaged weights, on each split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch import nn

from trainers.batches.batches import Batches
from trainers.data.splits.dataset import ImageSplits
from trainers.distributed.ranks import Ranks
from trainers.errors import DataError
from trainers.evaluation.evaluated_network import EvaluatedNetwork
from trainers.randomness import Stream, derived_seed, seeded
from trainers.recipe import Recipe, Weights
from trainers.tasks.task import Kept, LearnedTask, TaskMetrics, TaskReport

SplitName = Literal["train", "validation", "test"]


class Evaluator:
    """The networks that are evaluated while one is trained; training is not affected.

    Args:
        model: in training, on its device.
        splits: the images.
        recipe: says which weights there are, and which count.
        batches: of the training.
        task: says what outputs come to.
        ranks: the processes that train together; each evaluates a share of the images.
        seed: of the training.
        device: of the model.
        autocast: of the forward passes.
    """

    def __init__(
        self,
        model: nn.Module,
        splits: ImageSplits,
        recipe: Recipe,
        batches: Batches,
        task: LearnedTask,
        ranks: Ranks,
        *,
        seed: int,
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._splits = splits
        self._batches = batches
        self._task = task
        self._ranks = ranks
        self._seed = seed
        self._device = device
        self._autocast = autocast
        self.counting = recipe.evaluated_weights
        self._twins: dict[Weights, EvaluatedNetwork] = {
            "raw": EvaluatedNetwork(model, average_decay=None)
        }
        if recipe.weight_average is not None:
            decay = recipe.weight_average.decay
            self._twins["averaged"] = EvaluatedNetwork(model, average_decay=decay)

    @property
    def beside(self) -> Weights | None:
        """The weights that do not count, with an average of weights; None without."""
        return next(iter(self._twins.keys() - {self.counting}), None)

    def update_average(self, step: int) -> None:
        """Average in the weights after ``step`` (0-based), if there is an average."""
        if "averaged" in self._twins:
            self._twins["averaged"].update_average(step)

    def averaged_weights(self) -> dict[str, torch.Tensor] | None:
        """Return a copy of the averaged weights; None without an average."""
        return self._twins["averaged"].weights() if "averaged" in self._twins else None

    def load_averaged_weights(self, weights: Mapping[str, torch.Tensor] | None) -> None:
        """Go on from what :meth:`averaged_weights` gave."""
        if weights is not None:
            self._twins["averaged"].load_weights(weights)

    def network(self, weights: Weights) -> nn.Module:
        """Return the network of these weights, in evaluation mode, recalibrated if that is due."""
        return self._refreshed(weights).network

    def metrics(self, split: SplitName, weights: Weights) -> TaskMetrics:
        """Return metrics on all images of a split, not augmented.

        Raises:
            DataError: the split has no images, or none that the task can measure.
            ValueError: the network's output is not the task's.
        """
        return self._task.metrics(*self._kept(split, weights))

    def report(self, split: SplitName) -> TaskReport:
        """Return the metrics of the weights that count, with every class's results.

        Raises:
            As :meth:`metrics`.
        """
        return self._task.report(*self._kept(split, self.counting))

    def _kept(self, name: SplitName, weights: Weights) -> tuple[Kept, torch.Tensor]:
        """Return what the task keeps of a split's images, of all processes, and their targets."""
        split = {
            "train": self._splits.train,
            "validation": self._splits.validation,
            "test": self._splits.test,
        }[name]
        if not len(split):
            raise DataError(f"data set {self._splits.name!r}: the {name} split has no images")
        own = self._refreshed(weights).kept(split, self._batches, self._task, self._autocast)
        kept = tuple(self._ranks.gathered(each, len(split)) for each in own)
        return kept, split.labels.to(self._device)

    def _refreshed(self, weights: Weights) -> EvaluatedNetwork:
        twin = self._twins[weights]
        with seeded(derived_seed(self._seed, Stream.RECALIBRATION), self._device):
            twin.refresh(self._batches, self._autocast)
        return twin
