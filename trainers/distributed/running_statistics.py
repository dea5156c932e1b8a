"""Running statistics of batch normalisation over groups that pass in several processes.

One process moves a running average r once a group: r <- (1 - m) r + m s. After G groups in order,

    r = (1 - m)^G r0 + sum over groups g of (1 - m)^(G - 1 - g) m s_g,

which is a sum over processes, each of which has some groups of that order.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainers.distributed.ranks import Ranks


class RunningStatistics:
    """The running averages of a model, brought together once a step.

    Args:
        model: on its device.
        ranks: the processes.
        groups: normalisation groups of a batch, over all processes.

    Raises:
        ValueError: a normalisation has no momentum: it takes the mean over all steps.
    """

    def __init__(self, model: nn.Module, ranks: Ranks, groups: int) -> None:
        self._ranks = ranks
        self._groups = groups
        self._layers = [
            module
            for module in model.modules()
            if isinstance(module, _BatchNorm) and module.running_mean is not None
        ]
        if ranks.size > 1 and any(layer.momentum is None for layer in self._layers):
            raise ValueError(
                "batch normalisation with momentum=None cannot be trained in several processes: "
                "set batch_norm.momentum in the recipe"
            )
        self._before: list[torch.Tensor] = []

    def begin_step(self) -> None:
        """Keep the averages as they are before the step."""
        if self._ranks.size > 1:
            self._before = [average.clone() for average, _ in self._averages()]

    def end_step(self) -> None:
        """Replace every average by that of a process in which all groups had passed in order."""
        if self._ranks.size == 1:
            return
        own = self._ranks.share(self._groups)
        for (average, momentum), before in zip(self._averages(), self._before, strict=True):
            kept = 1 - momentum
            average.sub_(before, alpha=kept ** len(own)).mul_(kept ** (self._groups - own.stop))
        self._ranks.add([average for average, _ in self._averages()])
        for (average, momentum), before in zip(self._averages(), self._before, strict=True):
            average.add_(before, alpha=(1 - momentum) ** self._groups)
        for layer in self._layers:
            assert layer.num_batches_tracked is not None
            layer.num_batches_tracked += self._groups - len(own)

    def _averages(self) -> list[tuple[torch.Tensor, float]]:
        """Return the averages and their momenta."""
        averages = []
        for layer in self._layers:
            assert layer.momentum is not None
            for average in (layer.running_mean, layer.running_var):
                assert average is not None
                averages.append((average, layer.momentum))
        return averages
