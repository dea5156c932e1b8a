"""What a worker hands back of a full training is what it measured."""

from __future__ import annotations

import pytest
import torch

from nas.evaluate import cached_splits
from nas.ray.retrain import _train_fully
from nas.ray.trainable import Assignment
from search_space.architecture import Architecture, Task
from search_space.networks import build
from search_space.space import SearchSpace
from trainers import DataConfig, Recipe


def test_the_weights_are_those_of_the_network_that_was_tested(
    small_space: SearchSpace, task: Task
) -> None:
    """Recalibrating batch normalisation once more must not reach what is kept of it."""
    architecture: Architecture = next(small_space.architectures())
    data = DataConfig(name="digits", train_images=100, validation_images=100)
    recipe = Recipe(epochs=1, batch_size=20, learning_rate=0.05)  # 5 batches to recalibrate on
    assignment = Assignment(data, task, recipe, "accuracy", device="cpu", threads=1)
    *_, result = _train_fully(architecture.canonical_json(), 0, assignment, None)

    network = build(architecture, task, seed=1)
    network.load_state_dict(result["weights"])
    network.eval()
    splits = cached_splits(data, "cpu")
    mean, std = (torch.tensor(each).view(1, -1, 1, 1) for each in (splits.mean, splits.std))
    with torch.inference_mode():
        train = (splits.train.images.float() / 255 - mean) / std
        test = (splits.test.images.float() / 255 - mean) / std
        seen = network.stem[0](train)
        found = network(test).argmax(1) == splits.test.labels
    # statistics of all train images, not of the last batch
    torch.testing.assert_close(network.stem[1].running_mean, seen.mean((0, 2, 3)))
    assert found.float().mean().item() == pytest.approx(result["metrics"]["test_accuracy"])
