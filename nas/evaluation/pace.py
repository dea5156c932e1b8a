"""The pace of a running training: images a second, waiting for data, time left."""

from __future__ import annotations

import time
from typing import NamedTuple

from trainers import Training


class Pace(NamedTuple):
    """The pace since a process took a training up.

    Attributes:
        epochs: finished, with the part of the present one.
        images_per_second: in training steps, without evaluations; 0 before the first.
        waited_share: of the time of the steps, spent reading images or waiting for them, in 0..1.
        seconds_left: to the last epoch's end, evaluations included; 0 before the first step.
    """

    epochs: float
    images_per_second: float
    waited_share: float
    seconds_left: float


class PaceMeter:
    """Measure a training's pace.

    Args:
        training: at its beginning, or where it goes on.
    """

    def __init__(self, training: Training) -> None:
        self._training = training
        self._first_step = training.step
        self._began = time.monotonic()
        self._train_seconds = training.train_seconds
        self._waited_seconds = training.waited_seconds

    def pace(self) -> Pace:
        """Return the pace until now."""
        training = self._training
        epochs = training.step / training.steps_per_epoch
        left = training.recipe.epochs * training.steps_per_epoch - training.step
        steps = training.step - self._first_step
        seconds = training.train_seconds - self._train_seconds
        if not steps or not seconds:
            return Pace(epochs, 0, 0, 0)
        return Pace(
            epochs,
            steps * training.batch_size / seconds,
            (training.waited_seconds - self._waited_seconds) / seconds,
            (time.monotonic() - self._began) / steps * left,
        )
