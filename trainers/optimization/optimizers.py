"""The optimiser of a recipe over a network's parameters."""

from __future__ import annotations

import torch
from torch import nn

from trainers.optimization.parameter_groups import parameter_groups
from trainers.optimization.rmsprop import TensorFlowRmsProp
from trainers.recipe import AdamW, Recipe, RmsProp, Sgd


def build_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser; the caller sets the rate of every step.

    PyTorch's fused kernels matter for tiny networks: with 25 parameter tensors on one CPU thread a
    step of SGD takes 0.05 ms, against 0.17 (foreach) and 0.28 (a loop).

    Raises:
        ValueError: the model has no trainable parameter.
    """
    groups = parameter_groups(model, recipe)
    rate = recipe.peak_learning_rate
    match recipe.optimizer:
        case Sgd(momentum=momentum, nesterov=nesterov):
            return torch.optim.SGD(groups, rate, momentum, nesterov=nesterov, fused=True)
        case AdamW(beta1=beta1, beta2=beta2, epsilon=epsilon):
            return torch.optim.AdamW(groups, rate, (beta1, beta2), epsilon, fused=True)
        case RmsProp(decay=decay, momentum=momentum, epsilon=epsilon):
            return TensorFlowRmsProp(groups, rate, decay=decay, momentum=momentum, epsilon=epsilon)
