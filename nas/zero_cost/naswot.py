"""NASWOT: how differently an untrained network's ReLUs respond to the images of a batch.

Source: Mellor et al. 2021, "Neural Architecture Search without Training", arXiv 2006.04647,
section 3. As in the authors' code every ReLU of the network counts and batch normalisation uses the
batch's statistics. Attention has no codes of its own: it acts on those of the ReLUs after it.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from nas.errors import ScoreError
from nas.zero_cost.batch import Batch


def naswot(model: nn.Module, batch: Batch) -> float:
    """Return the log-determinant of the kernel ``[B, B]`` of equal codes.

    Two images' entry is the number of ReLU outputs that are on for both or off for both: the number
    of outputs minus the Hamming distance of the codes. The score is minus infinity if the kernel is
    singular, for example if two images have the same code.

    Args:
        model: at initialisation; it stays as it is.
        batch: two images or more.

    Raises:
        ScoreError: the model ran no ``nn.ReLU``.
    """
    watched = copy.deepcopy(model).train()
    count = len(batch.images)
    kernel = torch.zeros(count, count, dtype=torch.float64)
    units = 0

    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal units
        on = (output.flatten(1) > 0).float()  # sums of 0 and 1 are exact in float32 up to 2^24
        off = 1 - on
        kernel.add_(on @ on.T + off @ off.T)
        units += on.shape[1]

    for module in watched.modules():
        if isinstance(module, nn.ReLU | nn.ReLU6):
            module.register_forward_hook(add)
    with torch.no_grad():
        watched(batch.images)
    if not units:
        raise ScoreError("naswot compares the codes of ReLUs, and the model ran none")
    return float(torch.linalg.slogdet(kernel).logabsdet)
