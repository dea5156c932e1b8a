from __future__ import annotations

import math

import pytest

from trainers import Recipe
from trainers.learning_rate import learning_rate_at


def test_learning_rate_follows_the_hand_formula() -> None:
    recipe = Recipe(epochs=1, batch_size=2, learning_rate=0.6, warmup_fraction=0.2)
    rates = [learning_rate_at(recipe, step, 10) for step in range(11)]
    # two warm-up steps: thirds of the peak; then eight steps of half a cosine period
    assert rates[:3] == pytest.approx([0.2, 0.4, 0.6])
    assert rates[6] == pytest.approx(0.3)
    assert rates[4] == pytest.approx(0.3 * (1 + math.sqrt(0.5)))
    assert rates[10] == 0.0
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_learning_rate_without_warm_up_starts_at_the_peak() -> None:
    recipe = Recipe(epochs=1, batch_size=2, learning_rate=0.6, warmup_fraction=0)
    assert learning_rate_at(recipe, 0, 1) == 0.6


@pytest.mark.parametrize("step", [-1, 11])
def test_learning_rate_refuses_steps_outside_the_run(step: int) -> None:
    with pytest.raises(ValueError, match=f"step={step}, steps_total=10"):
        learning_rate_at(Recipe(epochs=1, batch_size=2, learning_rate=1), step, 10)
