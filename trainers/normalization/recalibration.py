"""Precise batch-norm statistics, for the weights as they are when a network is evaluated.

Running averages lag behind the weights, most of all in short training, where they would blur the
comparison of networks. Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3
(https://arxiv.org/abs/2105.07576), by fvcore's implementation.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn


def recalibrate_batch_norm(network: nn.Module, batches: Iterable[object], count: int) -> None:
    """Replace the running statistics of every batch normalisation by those over ``batches``.

    The network is left in evaluation mode. Only its batch normalisations see the batches in
    training mode, so dropout is off. A network without any that keeps running statistics is not
    run at all.

    Args:
        network: called with each batch. Its buffers change: pass a copy to keep them.
        batches: inputs on the network's device, each of two values a channel or more.
        count: how many batches there are, at least 1.

    Raises:
        AssertionError: (by fvcore) one batch normalisation is applied several times in a forward
            pass; its statistics would be of the last time only.
    """
    from fvcore.nn.precise_bn import BN_MODULE_TYPES, update_bn_stats  # noqa: PLC0415 (slow to import)

    network.eval()
    layers = [
        module
        for module in network.modules()
        if isinstance(module, BN_MODULE_TYPES) and module.running_mean is not None
    ]
    for layer in layers:
        layer.train()
    update_bn_stats(network, batches, num_iters=count, progress=None)
    for layer in layers:
        # fvcore takes E[x^2] - E[x]^2, which rounding can make slightly negative
        layer.running_var.clamp_(min=0)
    network.eval()
