"""The generated tasks by name, each with the settings that ``data.parameters`` gives."""

from __future__ import annotations

from trainers.data.generated.pathfinder_settings import PathfinderSettings
from trainers.data.generated.pointer_value_retrieval_settings import PointerValueRetrievalSettings
from trainers.data.generated.shapes_settings import ShapesSettings
from trainers.settings import Settings

TASK_SETTINGS: dict[str, type[Settings]] = {
    "pathfinder": PathfinderSettings,
    "pointer_value_retrieval": PointerValueRetrievalSettings,
    "shapes": ShapesSettings,
}
