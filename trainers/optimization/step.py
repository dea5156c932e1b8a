"""One step of training: gradients of all groups of a batch, then one update of the weights."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import nn

from trainers.checkpoints.resume import copied
from trainers.distributed.ranks import Ranks
from trainers.distributed.running_statistics import RunningStatistics
from trainers.errors import MemoryShort
from trainers.execution import Execution
from trainers.normalization.groups import group_layers, may_pass_together
from trainers.optimization.optimizers import build_optimizer
from trainers.precision import autocast
from trainers.randomness import Stream, derived_seed, seed_generators
from trainers.recipe import Recipe
from trainers.tasks.task import LearnedTask

log = logging.getLogger(__name__)


class TrainingStep:
    """The steps of one training.

    Several groups pass through the network at once, or one after another, or in several processes,
    whose gradients add up: the updates are equal up to rounding. If memory runs out, half as many
    pass at once from then on.

    Args:
        model: on its device; its layers are made to work group by group.
        recipe: how to train.
        seed: of the training.
        execution: how the forward and backward passes run.
        groups: of a batch, in all processes.
        task: says what the loss is.
        ranks: the processes that train together.
        groups_at_once: at most so many; None for as many as this process has of a batch.

    Attributes:
        groups_at_once: how many pass at once at present; 1 where a layer of the user's own mixes
            images in ways that are not known.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        *,
        seed: int,
        execution: Execution,
        groups: int,
        task: LearnedTask,
        ranks: Ranks,
        groups_at_once: int | None = None,
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._seed = seed
        self._precision = execution.precision
        self._groups = groups
        self._own_groups = ranks.share(groups)
        self._ranks = ranks
        self._task = task
        self._parameters = [each for each in model.parameters() if each.requires_grad]
        self._optimizer = build_optimizer(model, recipe)
        self._device = self._parameters[0].device
        self._scaler = torch.amp.GradScaler(
            self._device.type, enabled=execution.precision == "float16"
        )
        self._passing = group_layers(model)
        self._forward = torch.compile(model, dynamic=False) if execution.compiles else model
        self._statistics = RunningStatistics(model, ranks, groups)
        most = min(len(self._own_groups), groups_at_once or groups)
        self.groups_at_once = most if may_pass_together(model) else 1

    def take(
        self, images: torch.Tensor, targets: torch.Tensor, number: int, learning_rate: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Update the weights once.

        Args:
            images: [B, C, H, W], this process' groups one after another.
            targets: of the task.
            number: of the step in the whole training, from 0.
            learning_rate: of this step.

        Returns:
            the whole batch's mean loss [], and the sum of its images' hits, float32 [].

        Raises:
            MemoryShort: not even one group fits in the device's memory.
            ValueError: the model's output is not the task's.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._statistics.begin_step()
        while True:
            # Batch normalisation's averages move in the forward pass, which may run out of memory.
            may_halve = self._device.type == "cuda" and self.groups_at_once > 1
            buffers = copied(dict(self._model.named_buffers())) if may_halve else {}
            try:
                loss, hits = self._add_gradients(images, targets, number)
                break
            except torch.OutOfMemoryError as error:
                self._halve(error, images)
                with torch.no_grad():
                    for name, buffer in self._model.named_buffers():
                        buffer.copy_(buffers[name])
        with torch.no_grad():
            self._statistics.end_step()
            self._ranks.add([*self._gradients(), loss, hits])
        if self._recipe.gradient_clip_norm is not None:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._parameters, self._recipe.gradient_clip_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return loss, hits

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the optimiser's state and the loss scale."""
        return {
            "optimizer": copied(self._optimizer.state_dict()),
            "scaler": copied(self._scaler.state_dict()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])

    def _add_gradients(
        self, images: torch.Tensor, targets: torch.Tensor, number: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the gradients of this process' part of the mean loss over all groups."""
        self._optimizer.zero_grad(set_to_none=True)
        first = number * self._groups
        seeds = [derived_seed(self._seed, Stream.GROUP, first + each) for each in self._own_groups]
        at_once = self.groups_at_once
        size = len(images) // len(self._own_groups)  # images of a group
        losses, hits = [], []
        for place, (part, wanted) in enumerate(
            zip(images.split(at_once * size), targets.split(at_once * size), strict=True)
        ):
            own = seeds[place * at_once : (place + 1) * at_once]
            seed_generators(own[0], self._device)  # of layers that know no groups
            with self._passing.passing(own), autocast(self._precision, self._device):
                outputs = self._forward(part)
            mean, right = self._task.loss_and_hits(outputs, wanted, _image_hw(part))
            loss = mean * (len(part) / (size * self._groups))
            self._scaler.scale(loss).backward()
            losses.append(loss.detach())
            hits.append(right)
        return torch.stack(losses).sum(), torch.stack(hits).sum().float()

    def _gradients(self) -> list[torch.Tensor]:
        """Return all gradients; a parameter that nothing used has none, in every process."""
        return [each.grad for each in self._parameters if each.grad is not None]

    def _halve(self, error: torch.OutOfMemoryError, images: torch.Tensor) -> None:
        """Let half as many groups pass at once.

        Raises:
            MemoryShort: one alone does not fit.
        """
        if self.groups_at_once == 1:
            size = len(images) // len(self._own_groups)
            raise MemoryShort(
                f"a group of {size} images of {list(images.shape[1:])} does not fit in the memory "
                f"of {self._device}: {str(error).splitlines()[0]}; give the recipe a smaller "
                "normalization_images, or search smaller networks (limits.peak_memory_mb)"
            ) from error
        self._optimizer.zero_grad(set_to_none=True)
        self.groups_at_once = (self.groups_at_once + 1) // 2
        log.warning(
            "memory ran out on %s: %d normalisation groups of a batch pass at once now",
            self._device,
            self.groups_at_once,
        )


def _image_hw(images: torch.Tensor) -> tuple[int, int]:
    height, width = images.shape[-2:]
    return height, width
