"""jacob_cov: how little the gradients by a batch's images are correlated.

Sources: Mellor et al. 2020, the first version of arXiv 2006.04647 ("Neural Architecture Search
without Training"), section 3.2; Abdelfattah et al. 2021, arXiv 2101.08134, whose code this follows.
Batch normalisation uses the batch's statistics, so an image's gradient depends on the other images'
logits too, as in that code. Attention needs no rule of its own.
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
    """Return ``-sum(log(v + k) + 1 / (v + k))``, v the eigenvalues of a correlation ``[B, B]``.

    The matrix correlates the images' gradients: of the sum of all logits by an image's pixels. The
    score is minus infinity if an image's gradient is constant, and so has no correlation.

    Args:
        model: at initialisation; it stays as it is.
        batch: two images or more.
    """
    model = copy.deepcopy(model).train()
    images = batch.images.clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(model(images).sum(), images)
    jacobian = gradient.flatten(1).double()  # [B, C * H * W]
    centred = jacobian - jacobian.mean(1, keepdim=True)
    lengths = centred.norm(dim=1, keepdim=True)
    if bool((lengths == 0).any()):
        return -inf
    directions = centred / lengths
    # Rounding can make an eigenvalue of a singular matrix slightly negative.
    eigenvalues = torch.linalg.eigvalsh(directions @ directions.T).clamp_min(0) + SMALLEST
    return float(-(eigenvalues.log() + eigenvalues.reciprocal()).sum())
