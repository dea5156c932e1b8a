"""What can go wrong for reasons that lie outside this package's code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainers.result import TrainingResult


class DataError(ValueError):
    """Images, labels, a path or a split's size cannot be used; the message says which and why."""


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, read, or belongs to another run."""


class TrainingDiverged(ValueError):
    """The loss is not finite any more; the message names the epoch, step and learning rate.

    Attributes:
        result: what :func:`trainers.train` had until then (``diverged=True``, no metrics, the
            curve of the finished epochs); None when raised by ``Training.run_epoch`` itself.
    """

    result: TrainingResult | None = None
