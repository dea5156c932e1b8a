"""The form of exported files by the task that a network learned."""

from __future__ import annotations

from collections.abc import Callable

from nas.evaluation.learned_task import learned_task
from nas.storage.networks.record import NetworkRecord
from nas.workflows.exporting.classifier_form import ClassifierForm
from nas.workflows.exporting.detector_form import DetectorForm
from nas.workflows.exporting.file_form import FileForm
from search_space.architecture import Architecture, Task
from trainers.recipe.detection import Detection
from trainers.tasks.task import TaskName

FORMS: dict[TaskName, Callable[[Architecture, Task, Detection], FileForm]] = {
    "classification": lambda architecture, task, settings: ClassifierForm(task.classes),
    "detection": DetectorForm,
}


def form_of(architecture: Architecture, task: Task, network: NetworkRecord | None) -> FileForm:
    """Return the form of a network's files.

    Args:
        architecture: of the network.
        task: of the network.
        network: whose recipe has the settings of detections; None for one that is not trained,
            which has the defaults.
    """
    settings = Detection() if network is None else network.recipe.detection
    return FORMS[learned_task(architecture)](architecture, task, settings)
