"""A network that is evaluated: raw or averaged weights, fresh statistics if asked for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from trainers.batches.batches import Batches
from trainers.data.splits.dataset import AnySplit
from trainers.normalization.recalibration import recalibrate_batch_norm
from trainers.tasks.task import Kept, LearnedTask


class EvaluatedNetwork:
    """A twin of the trained model, so that evaluating changes nothing that training uses.

    Without averaging the twin shares the model's parameters and has its own buffers; with it, its
    parameters are the moving average of the model's.

    Args:
        model: on its device; it keeps its parameter tensors for the whole run.
        average_decay: of the moving average, see :class:`trainers.recipe.WeightAverage`; None does
            not average.
    """

    def __init__(self, model: nn.Module, *, average_decay: float | None) -> None:
        self._model = model
        self._decay = average_decay
        parameters = {id(parameter): parameter for parameter in model.parameters()}
        self.network = copy.deepcopy(model, {} if average_decay else parameters)
        self._sources = [parameter.detach() for parameter in model.parameters()]
        self._averages = [parameter.detach() for parameter in self.network.parameters()]

    def update_average(self, step: int) -> None:
        """Average in the weights after ``step`` (0-based)."""
        assert self._decay is not None
        decay = min(self._decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(self._averages, self._sources, None)

    def weights(self) -> dict[str, torch.Tensor]:
        """Return a copy of the weights by parameter name."""
        return {
            name: parameter.detach().clone() for name, parameter in self.network.named_parameters()
        }

    def load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Set the averages to what :meth:`weights` gave."""
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                parameter.copy_(weights[name])

    def refresh(
        self, batches: Batches, autocast: Callable[[], AbstractContextManager[object]]
    ) -> None:
        """Put the twin into evaluation mode, with the model's buffers, or recalibrated statistics.

        Layers of the network's own may draw from torch's global generators: run it under a seed.
        """
        with torch.no_grad():
            sources = dict(self._model.named_buffers())
            for name, buffer in self.network.named_buffers():
                buffer.copy_(sources[name])
        self.network.eval()
        if batches.recalibration_steps:
            with autocast():
                recalibrate_batch_norm(
                    self.network, batches.recalibration(), batches.recalibration_steps
                )

    def kept(
        self,
        split: AnySplit,
        batches: Batches,
        task: LearnedTask,
        autocast: Callable[[], AbstractContextManager[object]],
    ) -> Kept:
        """Return what a task keeps of the outputs of the twin, as :meth:`refresh` left it.

        Args:
            split: of whose images this process takes its share.
            batches: makes the network's input.
            task: says what is kept.
            autocast: of the forward passes.

        Raises:
            ValueError: the network's output is not the task's.
        """
        parts = [task.nothing_kept()]  # a split may be smaller than the processes
        with torch.no_grad():
            for images, targets in batches.evaluation(split):
                with autocast():
                    outputs = self.network(images)
                height, width = images.shape[-2:]
                parts.append(task.kept(outputs, targets, (height, width)))
        return tuple(torch.cat(each) for each in zip(*parts, strict=True))
