"""The weights that scores of gradients add up."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def weights(model: nn.Module) -> list[Tensor]:
    """Those of convolutions and linear layers, as Abdelfattah et al. 2021 have it.

    Biases, normalisations and position embeddings do not count.
    """
    counted = (nn.Conv2d, nn.Linear)
    return [module.weight for module in model.modules() if isinstance(module, counted)]


def gradients(output: Tensor, of: list[Tensor]) -> list[Tensor]:
    """Of a scalar, zeros where a weight has no part in it; no ``grad`` is written."""
    found = torch.autograd.grad(output, of, allow_unused=True)
    return [
        torch.zeros_like(weight) if gradient is None else gradient
        for weight, gradient in zip(of, found, strict=True)
    ]
