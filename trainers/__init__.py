"""Training of any nn.Module: recipes, data sets, the loop, checkpoints.

May import no other package of this project, and no Ray.
"""

from trainers.augmentation import Augmentation
from trainers.checkpoint import checkpoint_bytes, load_checkpoint
from trainers.data import DataConfig, ImageSplits, load_splits
from trainers.data.dataset import Split
from trainers.data.preprocessing import Preprocessing
from trainers.data.reduced_images import reduced, resized_hw
from trainers.errors import CheckpointError, DataError, MemoryShort, TrainingDiverged
from trainers.metrics import Metrics
from trainers.recipe import MAY_BE_EARLIER, EarlierRecipe, Recipe, SavedRecipe
from trainers.result import EpochResult
from trainers.training import Training

__all__ = [
    "MAY_BE_EARLIER",
    "Augmentation",
    "CheckpointError",
    "DataConfig",
    "DataError",
    "EarlierRecipe",
    "EpochResult",
    "ImageSplits",
    "MemoryShort",
    "Metrics",
    "Preprocessing",
    "Recipe",
    "SavedRecipe",
    "Split",
    "Training",
    "TrainingDiverged",
    "checkpoint_bytes",
    "load_checkpoint",
    "load_splits",
    "reduced",
    "resized_hw",
]
