"""Batch normalisation's momentum and epsilon by a recipe."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainers.recipe import BatchNorm


def set_batch_norm(model: nn.Module, settings: BatchNorm) -> None:
    """Set momentum and epsilon of every batch normalisation of a model, where they are given."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            if settings.momentum is not None:
                module.momentum = settings.momentum
            if settings.epsilon is not None:
                module.eps = settings.epsilon
