"""Networks: an ``nn.Module`` from an Architecture.

May import only :mod:`search_space.space` and the layers below it.
"""

from __future__ import annotations

import torch

from search_space.architecture import Architecture, Task
from search_space.families import check_zero_init
from search_space.networks.detection.retinanet import RetinaNet
from search_space.networks.network import Backbone, Network
from search_space.networks.plan import plan_network


def build(
    architecture: Architecture,
    task: Task,
    *,
    seed: int,
    zero_init_residual: bool = False,
    dropout: float = 0.0,
    stochastic_depth: float = 0.0,
) -> Network | RetinaNet:
    """Build the network of ``architecture`` for ``task``.

    A classifier maps ``[B, C, H, W]`` to logits ``[B, classes]``, a detector to
    :class:`~search_space.networks.detection.retinanet.Predictions`. The same seed gives the same
    initial weights; torch's global generator does not change.

    Args:
        architecture: what to build.
        task: the images and classes.
        seed: seed of the initial weights.
        zero_init_residual: start every residual branch at zero (see
            :meth:`Network.start_branches_at_zero`).
        dropout: of training, in a classifier (see :meth:`Network.drop_features`).
        stochastic_depth: of training (see :meth:`Network.skip_branches`).

    Raises:
        ValueError: the architecture cannot take the task's images, its branches do not end in a
            normalisation whose scale could be zero, or a detector shall have dropout.
    """
    if zero_init_residual:
        check_zero_init(architecture.family, "zero_init_residual")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the CPU's alone: networks are built there
        plan = plan_network(architecture, task)
        network = Network(plan) if architecture.detector is None else RetinaNet(plan)
    if zero_init_residual:
        network.start_branches_at_zero()
    if dropout:
        if isinstance(network, RetinaNet):
            raise ValueError(f"dropout stands before a classifier, a detector has none: {dropout}")
        network.drop_features(dropout)
    if stochastic_depth:
        network.skip_branches(stochastic_depth)
    return network


__all__ = ["Backbone", "Network", "RetinaNet", "build"]
