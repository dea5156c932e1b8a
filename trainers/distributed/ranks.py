"""The processes that train together: their shares, and the sums over them.

Gradients are summed once a step, after all of a process' groups: a process that runs out of memory
halfway can begin its part again without the others' knowing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist

from trainers.errors import RankLost

OF_DISTRIBUTED = (dist.DistBackendError, dist.DistNetworkError, dist.DistStoreError)


class Ranks:
    """The processes of a group, or this one alone.

    Args:
        group: of ``torch.distributed``, such as ``dist.group.WORLD``; None for this process alone.

    Attributes:
        rank: of this process, from 0.
        size: number of processes.
    """

    def __init__(self, group: dist.ProcessGroup | None) -> None:
        self._group = group
        self.rank = 0 if group is None else dist.get_rank(group)
        self.size = 1 if group is None else dist.get_world_size(group)

    def share(self, count: int) -> range:
        """Return this process' part of ``count`` things in order; parts differ by one at most."""
        return range(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def add(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace floating-point tensors by their sums over the processes, by one message.

        Args:
            tensors: of one device and type, of the same shapes in every process.

        Raises:
            RankLost: another process is gone.
        """
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _lost_ranks_named():
            dist.all_reduce(flat, group=self._group)
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def gathered(self, rows: torch.Tensor, count: int) -> torch.Tensor:
        """Return the rows of all processes in order.

        Args:
            rows: [share, ...], of the things that :meth:`share` gave this process.
            count: of all processes' rows.

        Returns:
            [count, ...].

        Raises:
            RankLost: another process is gone.
        """
        if self.size == 1:
            return rows
        most = -(-count // self.size)
        padded = rows.new_zeros((most, *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        with _lost_ranks_named():
            dist.all_gather(parts, padded, group=self._group)
        sizes = [
            (rank + 1) * count // self.size - rank * count // self.size for rank in range(self.size)
        ]
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    def of_each(self, value: Any) -> list[Any]:
        """Return a small plain value of every process, in order of rank.

        Raises:
            RankLost: another process is gone.
        """
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with _lost_ranks_named():
            dist.all_gather_object(values, value, group=self._group)
        return values


@contextmanager
def _lost_ranks_named() -> Iterator[None]:
    """Raise RankLost for what ``torch.distributed`` raises when another process is gone."""
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, OF_DISTRIBUTED) or "gloo" in str(error).lower()):
            raise  # such as for lack of memory
        raise RankLost(
            f"another process that trains with this one is gone: {str(error).splitlines()[0]}"
        ) from error
