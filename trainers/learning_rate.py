"""The learning-rate schedule of a recipe: linear warm-up, then cosine decay to zero."""

from __future__ import annotations

import math

from trainers.recipe import Recipe


def learning_rate_at(recipe: Recipe, step: int, steps_total: int) -> float:
    """Return the learning rate of ``step`` (0-based) in a run of ``steps_total`` steps.

    With ``w = round(warmup_fraction * steps_total)`` warm-up steps it is
    ``peak * (step + 1) / (w + 1)`` before step ``w``, and from there
    ``peak * (1 + cos(pi * (step - w) / (steps_total - w))) / 2``: the first step is not zero, step
    ``w`` has the peak, and zero is reached at ``steps_total``, one past the last step.

    Raises:
        ValueError: ``step`` is outside ``0..steps_total``.
    """
    if not 0 <= step <= steps_total or steps_total < 1:
        raise ValueError(f"step must be in 0..steps_total, got {step=}, {steps_total=}")
    warmup_steps = round(recipe.warmup_fraction * steps_total)
    if step < warmup_steps:
        return recipe.learning_rate * (step + 1) / (warmup_steps + 1)
    if step == steps_total:
        return 0.0
    progress = (step - warmup_steps) / (steps_total - warmup_steps)
    return recipe.learning_rate * (1 + math.cos(math.pi * progress)) / 2
