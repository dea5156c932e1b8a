"""The learning rate at named epochs of each schedule."""

from __future__ import annotations

import math
from typing import Any

import pytest

from trainers import Recipe
from trainers.optimization.learning_rate import learning_rate_at


def rates(steps_per_epoch: int = 10, **settings: Any) -> list[float]:
    plain = {"epochs": 1, "batch_size": 2, "learning_rate": 0.6}
    recipe = Recipe.model_validate(plain | settings)
    steps = recipe.epochs * steps_per_epoch
    return [learning_rate_at(recipe, step, steps_per_epoch) for step in range(steps)]


def test_a_cosine_after_a_warm_up_from_zero() -> None:
    rate = rates(schedule={"name": "cosine", "warmup_fraction": 0.2})
    # two steps of warm-up: 0 and half of the peak; then eight steps of half a wave
    assert rate[:3] == pytest.approx([0, 0.3, 0.6])
    assert rate[4] == pytest.approx(0.3 * (1 + math.sqrt(0.5)))
    assert rate[6] == pytest.approx(0.3)
    assert rate[2:] == sorted(rate[2:], reverse=True)
    assert rate[-1] > 0


def test_a_cosine_that_ends_above_zero() -> None:
    rate = rates(100, schedule={"name": "cosine", "final_fraction": 0.25})
    assert rate[0] == 0.6
    assert rate[50] == pytest.approx(0.6 * (0.25 + 0.75 / 2))
    assert rate[-1] == pytest.approx(0.15, abs=2e-4)


def test_steps_at_the_epochs_of_the_paper() -> None:
    """AACN, appendix A.1: 0.128 for 256 images, divided by 10 at epochs 30, 60, 80 and 90."""
    rate = rates(
        epochs=100,
        batch_size=512,
        learning_rate=0.128,
        learning_rate_images=256,
        schedule={"name": "steps", "at_epochs": [30, 60, 80, 90], "warmup_fraction": 0.05},
    )
    by_epoch = rate[::10]
    assert by_epoch[:7] == pytest.approx([0, 0.0512, 0.1024, 0.1536, 0.2048, 0.256, 0.256])
    assert [by_epoch[epoch] for epoch in (29, 30, 59, 60, 80, 90, 99)] == pytest.approx(
        [0.256, 0.0256, 0.0256, 0.00256, 0.000256, 0.0000256, 0.0000256]
    )
    assert rate[299] == 0.256
    assert rate[300] == pytest.approx(0.0256)


@pytest.mark.parametrize("staircase", [True, False])
def test_exponential_decay_counts_from_the_beginning(staircase: bool) -> None:
    """MnasNet: 0 to 0.256 in 5 epochs, times 0.97 every 2.4 epochs."""
    rate = rates(
        epochs=12,
        learning_rate=0.256,
        schedule={
            "name": "exponential",
            "factor": 0.97,
            "every_epochs": 2.4,
            "warmup_epochs": 5,
            "staircase": staircase,
        },
    )
    assert rate[:50] == pytest.approx([0.256 * step / 50 for step in range(50)])
    times = [2, 2, 3, 4] if staircase else [50 / 24, 71 / 24, 72 / 24, 96 / 24]
    assert [rate[step] for step in (50, 71, 72, 96)] == pytest.approx(
        [0.256 * 0.97**n for n in times]
    )


def test_a_constant_rate() -> None:
    assert rates(4, schedule={"name": "constant"}) == [0.6] * 4
    assert rates(4, schedule={"name": "constant", "warmup_fraction": 0.5}) == [0, 0.3, 0.6, 0.6]


@pytest.mark.parametrize("step", [-1, 10])
def test_steps_outside_the_training_are_refused(step: int) -> None:
    with pytest.raises(ValueError, match=rf"step must be in 0\.\.9, got {step}"):
        learning_rate_at(Recipe(epochs=1, batch_size=2, learning_rate=1), step, 10)
