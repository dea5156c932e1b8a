"""Training to the last epoch."""

from __future__ import annotations

from trainers import Training


def finished(training: Training) -> Training:
    """Train to the end of the recipe."""
    while not training.done:
        training.run_epoch()
    return training
