"""The time that a search takes: a first estimate, corrected as trainings end."""

from __future__ import annotations

from typing import NamedTuple


class Forecast(NamedTuple):
    """A first estimate of a search's time.

    Attributes:
        trials: the search's own trainings, in whole ones: those that rungs stop count for less.
        repeats: trainings of the front with other seeds; how many there are is only known later.
        training_seconds: of a whole one, the mean.
        workers: trainings at the same time.
    """

    trials: float
    repeats: int
    training_seconds: float
    workers: int

    @property
    def device_seconds(self) -> float:
        """The time of all trainings, one after another."""
        return (self.trials + self.repeats) * self.training_seconds

    @property
    def wall_seconds(self) -> float:
        """The time from the first training's beginning to the last one's end."""
        return self.device_seconds / self.workers

    def remaining_seconds(self, done: float, left: float, elapsed_seconds: float) -> float:
        """Return the time that was left when a training ended last, or when the first one began.

        The pace counts for as much as the trainings that have ended, the first estimate for as much
        as those that run at the same time.

        Args:
            done: trainings that ended, in whole ones.
            left: those that did not.
            elapsed_seconds: that those that ended took, with all that was beside them.
        """
        expected = left * self.training_seconds / self.workers
        if done <= 0:
            return expected
        weight = done / (done + self.workers)
        return weight * elapsed_seconds / done * left + (1 - weight) * expected
