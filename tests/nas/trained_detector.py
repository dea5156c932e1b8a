"""A small detector, trained for a moment on drawn shapes, as ``nas retrain`` keeps one."""

from __future__ import annotations

from pathlib import Path

from nas.config.files import load_config
from nas.evaluation.evaluate import cached_splits, task_of
from nas.storage.ledger import Ledger
from nas.storage.networks.retraining import Retraining
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture, Stage
from search_space.primitives import LocalAttention
from tests.nas.trained_in_full import trained_in_full
from tests.search_space.small_detectors import small_detector
from trainers import Recipe

SEARCH = Path(__file__).parents[2] / "configs" / "searches" / "shapes.yaml"
DATA = {
    **{"name": "shapes", "train_images": 16, "validation_images": 6, "test_images": 4},
    "parameters": {"pixels": 64, "most_objects": 3},
}
RECIPE = Recipe.model_validate(
    {"epochs": 3, "batch_size": 8, "learning_rate": 0.02, "detection": {"score_threshold": 0.001}}
)
LOCAL = LocalAttention(extent=3, heads=2)


def with_attention() -> Architecture:
    """Return a detector whose second stage attends, on maps of 16 x 16 pixels here."""
    plain = small_detector(normalized=True, last_level=4, layers=1)
    stages = list(plain.stages)
    stages[1] = Stage(width=stages[1].width, stride=2, blocks=(LOCAL,))
    return plain.replace(stages=tuple(stages))


def retrained_detector(folder: Path) -> Path:
    """Train it in a run of its own in ``folder``; return its ``model.pt``."""
    config = load_config(SEARCH).replace(data=DATA, retrain=RECIPE)
    run = RunFolder.create(folder, config)
    retraining = Retraining.of(with_attention(), 0, config, run)
    task = task_of(config.data, cached_splits(config.data, RECIPE.pixels))
    trained_in_full(retraining, config, Ledger.create(config, run), task)
    return retraining.model_file
