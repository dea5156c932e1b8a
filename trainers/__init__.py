"""Training of any nn.Module: recipes, data sets, the loop, checkpoints.

May import no other package of this project, and no Ray.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainers.augmentation.central_crop import central_crop
    from trainers.augmentation.settings import Augmentation
    from trainers.checkpoints.checkpoint import checkpoint_bytes, load_checkpoint
    from trainers.data.config import DataConfig
    from trainers.data.loading import load_splits
    from trainers.data.network_input import check_pixels, scale_of
    from trainers.data.preprocessing import Preprocessing
    from trainers.data.splits.dataset import AnySplit, ImageSplits, Split
    from trainers.data.splits.reduced_images import reduced, resized_hw
    from trainers.errors import (
        CheckpointError,
        DataError,
        LoaderLost,
        MemoryShort,
        RankLost,
        RanksDiffer,
        TrainingDiverged,
    )
    from trainers.evaluation.classification_report import ClassificationReport
    from trainers.evaluation.metrics import Metrics
    from trainers.execution import Execution
    from trainers.normalization.initial_statistics import initial_statistics_warning
    from trainers.recipe.earlier import MAY_BE_EARLIER, EarlierRecipe, SavedRecipe
    from trainers.recipe.evaluation import Weights
    from trainers.recipe.pixels import PixelSettings
    from trainers.recipe.recipe import Recipe
    from trainers.result import EpochResult
    from trainers.stopwatch import Stopwatch
    from trainers.tasks.task import TaskMetrics, TaskReport
    from trainers.training import Training

_MODULES = {
    "Augmentation": "trainers.augmentation.settings",
    "central_crop": "trainers.augmentation.central_crop",
    "checkpoint_bytes": "trainers.checkpoints.checkpoint",
    "load_checkpoint": "trainers.checkpoints.checkpoint",
    "DataConfig": "trainers.data.config",
    "ImageSplits": "trainers.data.splits.dataset",
    "load_splits": "trainers.data.loading",
    "check_pixels": "trainers.data.network_input",
    "scale_of": "trainers.data.network_input",
    "Preprocessing": "trainers.data.preprocessing",
    "AnySplit": "trainers.data.splits.dataset",
    "Split": "trainers.data.splits.dataset",
    "reduced": "trainers.data.splits.reduced_images",
    "resized_hw": "trainers.data.splits.reduced_images",
    "CheckpointError": "trainers.errors",
    "DataError": "trainers.errors",
    "LoaderLost": "trainers.errors",
    "MemoryShort": "trainers.errors",
    "RankLost": "trainers.errors",
    "RanksDiffer": "trainers.errors",
    "TrainingDiverged": "trainers.errors",
    "ClassificationReport": "trainers.evaluation.classification_report",
    "Metrics": "trainers.evaluation.metrics",
    "Execution": "trainers.execution",
    "initial_statistics_warning": "trainers.normalization.initial_statistics",
    "MAY_BE_EARLIER": "trainers.recipe.earlier",
    "EarlierRecipe": "trainers.recipe.earlier",
    "SavedRecipe": "trainers.recipe.earlier",
    "Weights": "trainers.recipe.evaluation",
    "PixelSettings": "trainers.recipe.pixels",
    "Recipe": "trainers.recipe.recipe",
    "EpochResult": "trainers.result",
    "Stopwatch": "trainers.stopwatch",
    "TaskMetrics": "trainers.tasks.task",
    "TaskReport": "trainers.tasks.task",
    "Training": "trainers.training",
}

__all__ = [
    "MAY_BE_EARLIER",
    "AnySplit",
    "Augmentation",
    "CheckpointError",
    "ClassificationReport",
    "DataConfig",
    "DataError",
    "EarlierRecipe",
    "EpochResult",
    "Execution",
    "ImageSplits",
    "LoaderLost",
    "MemoryShort",
    "Metrics",
    "PixelSettings",
    "Preprocessing",
    "RankLost",
    "RanksDiffer",
    "Recipe",
    "SavedRecipe",
    "Split",
    "Stopwatch",
    "TaskMetrics",
    "TaskReport",
    "Training",
    "TrainingDiverged",
    "Weights",
    "central_crop",
    "check_pixels",
    "checkpoint_bytes",
    "initial_statistics_warning",
    "load_checkpoint",
    "load_splits",
    "reduced",
    "resized_hw",
    "scale_of",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import what is exported when it is asked for: most of it needs PyTorch."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)
