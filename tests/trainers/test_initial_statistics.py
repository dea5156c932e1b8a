"""The warning of averages that still hold their initial values is as PyTorch's layers do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from trainers import ImageSplits, Recipe, Training, initial_statistics_warning
from trainers.normalization.initial_statistics import initial_statistics_left

BASE = {"learning_rate": 0.01, "evaluation": {"recalibration_images": 0}}


class Still(nn.Module):
    """A batch normalisation that sees zeros alone, so that its mean moves from 1 towards 0."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1)
        self.norm.running_mean.fill_(1)
        self.classify = nn.Linear(16, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = images.flatten(1)
        return self.classify(features) + self.norm(0 * features[:, :1])


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 3, "batch_size": 8},
        {"epochs": 2, "batch_size": 3},  # two whole batches of 8 images
        {"epochs": 2, "batch_size": 4, "normalization_images": 2},
        {"epochs": 2, "batch_size": 4, "batch_norm": {"momentum": 0.25}},
        {"epochs": 1, "batch_size": 100},
    ],
)
def test_the_share_is_what_training_leaves(
    three_classes: ImageSplits, settings: dict[str, Any]
) -> None:
    recipe = Recipe.model_validate(BASE | settings)
    model = Still()
    training = Training(model, three_classes, recipe, seed=0)
    while not training.done:
        training.run_epoch()
    left = initial_statistics_left(recipe, 8)
    assert left == pytest.approx(model.norm.running_mean.item(), rel=1e-4)
    assert f"keep {left:.1%} of their initial" in str(initial_statistics_warning(recipe, 8))


def test_only_what_keeps_more_than_a_hundredth_is_warned_of() -> None:
    """A decay of 0.9999 forgets all but a hundredth in 46,050 groups (ln 100 = 4.605)."""
    sasa = BASE | {"batch_size": 4096, "batch_norm": {"momentum": 1e-4}, "epochs": 5}
    in_groups = Recipe.model_validate(sasa | {"normalization_images": 128})  # 5 x 312 x 32 groups
    assert initial_statistics_warning(in_groups, 1_281_167) is None
    whole = Recipe.model_validate(sasa)
    said = initial_statistics_warning(whole, 1_281_167)
    assert said is not None
    assert "of momentum 0.0001, keep 85.6%" in said  # exp(-0.0001 x 5 x 312) = 0.8556
    recalibrated = Recipe.model_validate(sasa | {"evaluation": {}})
    assert initial_statistics_warning(recalibrated, 1_281_167) is None
