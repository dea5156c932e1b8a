"""From an Architecture to the network that it describes."""

from __future__ import annotations

import torch
from torch import nn

from search_space.architecture import Architecture, Task
from search_space.networks.resnet import build_resnet

FAMILIES = {"resnet": build_resnet}


def build(architecture: Architecture, task: Task, *, seed: int) -> nn.Module:
    """The network of ``architecture`` for ``task``: ``[B, C, H, W] -> [B, classes]``.

    The same seed gives the same initial weights; torch's global generator is left as it was.

    Raises:
        ValueError: the architecture cannot take the task's images.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the CPU's alone: networks are built there
        return FAMILIES[architecture.family](architecture, task)


__all__ = ["build"]
