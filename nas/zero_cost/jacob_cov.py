"""How little the gradients by a batch's images are correlated: the Jacobian's covariance.

Sources: Mellor et al. 2020, the first version of arXiv 2006.04647 ("Neural Architecture Search
without Training"), section 3.2; Abdelfattah et al. 2021, arXiv 2101.08134, whose code this follows.
Batch normalisation uses the batch's statistics, so an image's gradient holds a share of the others'
logits, as there. Nothing is particular to attention.
"""

from __future__ import annotations

import copy
from math import inf

import torch
from torch import nn

from nas.zero_cost.batch import Batch

SMALLEST = 1e-5
"""Added to the eigenvalues; k in the paper."""


def jacob_cov(model: nn.Module, batch: Batch) -> float:
    """``-sum(log(v + k) + 1 / (v + k))``, v the eigenvalues of a correlation matrix ``[B, B]``.

    It correlates, between images, the gradient of the sum of all logits by the image's pixels.
    Minus infinity where an image's gradient is constant, and so has no correlation.

    Args:
        model: at initialisation; it stays as it is.
        batch: two images or more.
    """
    model = copy.deepcopy(model).train()
    images = batch.images.clone().requires_grad_()
    with torch.enable_grad():
        (found,) = torch.autograd.grad(model(images).sum(), images)
    jacobian = found.flatten(1).double()  # [B, C * H * W]
    centred = jacobian - jacobian.mean(1, keepdim=True)
    lengths = centred.norm(dim=1, keepdim=True)
    if bool((lengths == 0).any()):
        return -inf
    directions = centred / lengths
    # Rounding can make an eigenvalue of a singular matrix slightly negative.
    eigenvalues = torch.linalg.eigvalsh(directions @ directions.T).clamp_min(0) + SMALLEST
    return float(-(eigenvalues.log() + eigenvalues.reciprocal()).sum())
