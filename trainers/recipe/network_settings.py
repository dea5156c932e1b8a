"""Settings of batch normalisation, and of the average of the weights."""

from __future__ import annotations

from pydantic import Field

from trainers.settings import Settings


class BatchNorm(Settings):
    """Batch normalisation (Ioffe and Szegedy 2015), in every layer of the network."""

    momentum: float | None = Field(default=None, gt=0, le=1)
    """Share of the newest group in the running averages, 1 less what papers call decay; null keeps
    what each layer has, mostly 0.1."""
    epsilon: float | None = Field(default=None, gt=0)
    """Added to the variance; null keeps what each layer has, mostly 1e-5."""


class WeightAverage(Settings):
    """The exponential moving average of the trained weights.

    After step n (from 1) the decay is at most ``n / (9 + n)``, so that the initial weights do not
    weigh on a short training. Buffers, such as batch normalisation's averages, are not averaged.
    """

    decay: float = Field(gt=0, lt=1)
    """Share of the average that a step keeps."""
