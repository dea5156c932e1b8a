"""grad_norm: the norm of the loss's gradient in an untrained network.

Source: Abdelfattah et al. 2021, "Zero-Cost Proxies for Lightweight NAS", arXiv 2101.08134, section
3.1 and code: the Euclidean norms of the gradients, layer by layer, are added up. Batch
normalisation uses the batch's statistics. The projections of attention are layers like others; its
position embeddings do not count.
"""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F

from nas.zero_cost.batch import Batch
from nas.zero_cost.weights import gradients, weights


def grad_norm(model: nn.Module, batch: Batch) -> float:
    """Return the sum over convolutions and linear layers of their weights' gradient norm.

    Args:
        model: at initialisation; it stays as it is.
        batch: two images or more; the loss is their mean cross-entropy.
    """
    model = copy.deepcopy(model).train()
    with torch.enable_grad():
        loss = F.cross_entropy(model(batch.images), batch.labels)
        by_weight = gradients(loss, weights(model))
    return float(sum(gradient.norm() for gradient in by_weight))
