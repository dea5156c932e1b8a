"""The task that a network learns, by its architecture."""

from __future__ import annotations

from search_space.architecture import Architecture
from trainers.tasks.task import TaskName


def learned_task(architecture: Architecture) -> TaskName:
    """Return the name of the task that a network of this architecture learns."""
    return "classification" if architecture.detector is None else "detection"
