"""Detectors are evaluated, paused, trained in full and saved as classifiers are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas.config.files import load_config
from nas.evaluation.evaluate import EvaluationResult, Paused, evaluate, task_of
from nas.evaluation.full_training import Trained, train_in_full
from nas.storage.networks.network_file import load_network, network_content
from nas.storage.networks.retraining import network_record
from nas.zero_cost.batch import batch_of
from search_space.cost import network_costs
from tests.search_space.small_detectors import small_detector
from trainers import DataConfig, DataError, ImageSplits, Recipe, load_splits
from trainers.checkpoints.checkpoint import checkpoint_bytes

SEARCH = Path(__file__).parents[3] / "configs" / "searches" / "shapes.yaml"
DATA = DataConfig.model_validate(
    {
        **{"name": "shapes", "train_images": 16, "validation_images": 6, "test_images": 5},
        "parameters": {"pixels": 64, "most_objects": 3},
    }
)
RECIPE = Recipe.model_validate(
    {"epochs": 2, "batch_size": 8, "learning_rate": 0.01, "detection": {"score_threshold": 0.01}}
)
DETECTOR = small_detector(normalized=True, last_level=5)


@pytest.fixture(scope="module")
def shapes() -> ImageSplits:
    return load_splits(DATA)


def test_an_evaluation_ends_with_the_average_precision(shapes: ImageSplits) -> None:
    task = task_of(DATA, shapes)

    def run(**options: Any) -> list[object]:
        settings: dict[str, Any] = {"seed": 1, "metric": "average_precision", **options}
        return list(evaluate(DETECTOR, shapes, task, RECIPE, **settings))

    whole, paused = run()[-1], run(pause_at=1)[-1]
    assert isinstance(whole, EvaluationResult)
    assert isinstance(paused, Paused)
    resumed = run(state=paused.state)[-1]
    assert isinstance(resumed, EvaluationResult)
    assert whole.metrics == resumed.metrics
    assert whole.metrics["val_accuracy"] == whole.curve[-1]["val_accuracy"]
    assert 0 <= whole.metrics["val_accuracy"] <= 1


def test_a_detector_is_trained_in_full_and_read_back(shapes: ImageSplits, tmp_path: Path) -> None:
    task = task_of(DATA, shapes)
    config = load_config(SEARCH)
    *_, trained = train_in_full(
        DETECTOR, shapes, task, RECIPE, seed=0, device="cpu", metric=config.metric
    )
    assert isinstance(trained, Trained)
    assert trained.metrics["test_accuracy"] == trained.test.metrics.score
    assert trained.test.to_dict()["images"] == 5
    assert len(trained.examples) == 6
    assert all("_validation" in each.file_name for each in trained.examples)
    costs = network_costs(DETECTOR, task).metrics()
    record = network_record(trained, config, 0, costs, None)
    content = network_content(DETECTOR, task, trained.weights, record)
    file = tmp_path / "model.pt"
    file.write_bytes(checkpoint_bytes(content))
    network = load_network(file, require_complete=True)
    assert network.architecture == DETECTOR
    assert network.class_names == shapes.class_names
    assert network.record is not None
    assert network.record.metric == "average_precision"
    with pytest.raises(ValueError, match="is a detector, which has no class of a whole image"):
        network.predictions(shapes.test.images[:1].float())


def test_scores_before_training_are_of_classifiers(shapes: ImageSplits) -> None:
    with pytest.raises(DataError, match=r"'shapes' has objects in boxes: scores before training"):
        batch_of(shapes, seed=0)
