"""Networks: an ``nn.Module`` from an Architecture.

May import only :mod:`search_space.space` and the layers below it.
"""

from __future__ import annotations

import torch

from search_space.architecture import Architecture, Task
from search_space.families import check_zero_init
from search_space.networks.network import Network
from search_space.networks.plan import plan_network


def build(
    architecture: Architecture,
    task: Task,
    *,
    seed: int,
    zero_init_residual: bool = False,
    dropout: float = 0.0,
    stochastic_depth: float = 0.0,
) -> Network:
    """Build the network of ``architecture`` for ``task``: ``[B, C, H, W] -> [B, classes]``.

    The same seed gives the same initial weights; torch's global generator does not change.

    Args:
        architecture: what to build.
        task: the images and classes.
        seed: seed of the initial weights.
        zero_init_residual: start every residual branch at zero (see
            :meth:`Network.start_branches_at_zero`).
        dropout, stochastic_depth: of training (see :meth:`Network.regularise`).

    Raises:
        ValueError: the architecture cannot take the task's images, or its branches do not end in
            a normalisation whose scale could be zero.
    """
    if zero_init_residual:
        check_zero_init(architecture.family, "zero_init_residual")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the CPU's alone: networks are built there
        network = Network(plan_network(architecture, task))
    if zero_init_residual:
        network.start_branches_at_zero()
    network.regularise(dropout=dropout, stochastic_depth=stochastic_depth)
    return network


__all__ = ["Network", "build"]
