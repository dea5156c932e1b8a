"""The weights whose gradients scores add up."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def weights(model: nn.Module) -> list[Tensor]:
    """Return the weights of convolutions and linear layers, as Abdelfattah et al. 2021 do.

    Biases, normalisations and position embeddings do not count.
    """
    counted = (nn.Conv2d, nn.Linear)
    return [module.weight for module in model.modules() if isinstance(module, counted)]


def gradients(output: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """Return the gradients of a scalar by ``inputs``, zeros for those that it does not depend on.

    No input's ``grad`` is written.
    """
    by_input = torch.autograd.grad(output, inputs, allow_unused=True)
    return [
        torch.zeros_like(tensor) if gradient is None else gradient
        for tensor, gradient in zip(inputs, by_input, strict=True)
    ]
