"""Normalisation groups: the images of a batch that share statistics and draws.

Batch normalisation, dropout and stochastic depth make an image's output depend on the images beside
it, or on a generator's state. Here both are functions of the group alone: several groups may pass
through the network at once or one after another, and the results are equal up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase


class PassingGroups:
    """The groups that pass through a network at present, equal in size.

    Attributes:
        seeds: one a group, of its dropout; empty while no groups are named.
    """

    def __init__(self) -> None:
        self.seeds: Sequence[int] = ()
        self._generators: list[torch.Generator] = []

    @contextmanager
    def passing(self, seeds: Sequence[int]) -> Iterator[None]:
        """Name the groups that pass while the block runs."""
        self.seeds = seeds
        try:
            yield
        finally:
            self.seeds, self._generators = (), []

    def generators(self, device: torch.device) -> list[torch.Generator]:
        """Return each group's generator, which goes on from one layer to the next."""
        if not self._generators:
            self._generators = [torch.Generator(device).manual_seed(seed) for seed in self.seeds]
        return self._generators

    def __deepcopy__(self, memo: dict[int, Any]) -> PassingGroups:
        """Return another: a copied network is used by itself."""
        return PassingGroups()


class _GroupedNorm(nn.Module):
    """Statistics of each group in training, running averages updated in the groups' order."""

    groups: PassingGroups

    def forward(self, x: Tensor) -> Tensor:
        """See :class:`torch.nn.BatchNorm2d`; x is [groups x images, C, ...]."""
        count = len(self.groups.seeds)
        if not self.training or count <= 1:
            return super().forward(x)
        whole = super().forward
        return torch.cat([whole(group) for group in x.chunk(count)])


class _GroupedDropout(nn.Module):
    """Draws from each group's generator in training."""

    groups: PassingGroups
    p: float
    dropped_dims: int | None  # leading dimensions, each of whose entries is dropped whole

    @torch.compiler.disable  # torch.compile knows no generators
    def forward(self, x: Tensor) -> Tensor:
        """See :class:`torch.nn.Dropout`; x is [groups x images, ...]."""
        if not self.training or not self.groups.seeds or not self.p:
            return super().forward(x)
        generators = self.groups.generators(x.device)
        kept = torch.cat(
            [
                self._drawn(group, g)
                for group, g in zip(x.chunk(len(generators)), generators, strict=True)
            ]
        )
        return x * kept.div_(1 - self.p)

    def _drawn(self, group: Tensor, generator: torch.Generator) -> Tensor:
        whole = self.dropped_dims or group.ndim
        shape = (*group.shape[:whole], *(1 for _ in group.shape[whole:]))
        return group.new_empty(shape).bernoulli_(1 - self.p, generator=generator)


class _BatchNorm1d(_GroupedNorm, nn.BatchNorm1d): ...


class _BatchNorm2d(_GroupedNorm, nn.BatchNorm2d): ...


class _BatchNorm3d(_GroupedNorm, nn.BatchNorm3d): ...


class _Dropout(_GroupedDropout, nn.Dropout):
    dropped_dims = None


class _Dropout2d(_GroupedDropout, nn.Dropout2d):
    dropped_dims = 2


GROUPED = {
    nn.BatchNorm1d: _BatchNorm1d,
    nn.BatchNorm2d: _BatchNorm2d,
    nn.BatchNorm3d: _BatchNorm3d,
    nn.Dropout: _Dropout,
    nn.Dropout2d: _Dropout2d,
}
"""The classes that work group by group, by those of PyTorch."""


def group_layers(model: nn.Module) -> PassingGroups:
    """Make a model's batch normalisations and dropouts work group by group; change it in place.

    In evaluation, and where no groups are said to pass, they work as before. Names of parameters
    and buffers stay.

    Returns:
        the groups, which the caller names.
    """
    groups = PassingGroups()
    for module in model.modules():
        grouped = GROUPED.get(type(module))
        if grouped is not None:
            module.__class__ = grouped
            module.groups = groups  # type: ignore[assignment]
    return groups


def may_pass_together(model: nn.Module) -> bool:
    """Return whether several groups may pass through a model at once.

    Call it after :func:`group_layers`: a normalisation or dropout of the user's own class does not
    know the groups.
    """
    own = (_NormBase, nn.modules.dropout._DropoutNd)
    known = (_GroupedNorm, _GroupedDropout)
    return all(isinstance(each, known) for each in model.modules() if isinstance(each, own))
