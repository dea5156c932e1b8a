"""Training of any nn.Module: recipes, data sets, the loop, checkpoints.

May import no other package of this project, and no Ray.
"""

from trainers.augmentation import Augmentation
from trainers.augmentation.central_crop import central_crop
from trainers.checkpoints.checkpoint import checkpoint_bytes, load_checkpoint
from trainers.data import DataConfig, ImageSplits, load_splits
from trainers.data.network_input import check_pixels, scale_of
from trainers.data.preprocessing import Preprocessing
from trainers.data.splits.dataset import AnySplit, Split
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
from trainers.recipe import (
    MAY_BE_EARLIER,
    EarlierRecipe,
    PixelSettings,
    Recipe,
    SavedRecipe,
    Weights,
)
from trainers.result import EpochResult
from trainers.stopwatch import Stopwatch
from trainers.training import Training

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
