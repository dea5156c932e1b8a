"""Batch normalisation's settings in built networks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainers import ImageSplits, Recipe, Training

PLAIN = {"epochs": 1, "batch_size": 35, "learning_rate": 0.1}


@pytest.mark.parametrize("momentum", [0.25, 1e-4])
def test_momentum_and_epsilon_are_what_the_recipe_says(
    few_digits: ImageSplits, momentum: float
) -> None:
    """After two steps the running mean is the momentum's share of the batches'."""
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(64, 10))
    recipe = Recipe.model_validate(PLAIN | {"batch_norm": {"momentum": momentum, "epsilon": 4}})
    seen: list[torch.Tensor] = []
    model[0].register_forward_hook(lambda layer, images, out: seen.extend([images[0], out]))
    Training(model, few_digits, recipe, seed=0, evaluate_on="none").run_epoch()
    expected = 0.0
    for images in seen[::2]:
        expected += momentum * (images.mean().item() - expected)
    assert model[0].running_mean.item() == pytest.approx(expected, abs=1e-6)
    images, out = seen[:2]
    deviation = (images.var(correction=0) + 4).sqrt()
    torch.testing.assert_close(out, (images - images.mean()) / deviation, atol=1e-5, rtol=1e-4)


def test_layers_keep_their_own_unless_it_says_something(few_digits: ImageSplits) -> None:
    model = nn.Sequential(nn.BatchNorm2d(1, eps=0.5, momentum=0.3), nn.Flatten(), nn.Linear(64, 10))
    Training(model, few_digits, Recipe.model_validate(PLAIN), seed=0, evaluate_on="none")
    assert (model[0].eps, model[0].momentum) == (0.5, 0.3)
