"""The learning rate at each step of a recipe's schedule."""

from __future__ import annotations

import math

from trainers.recipe import Constant, Cosine, Exponential, Recipe, Steps


def learning_rate_at(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of ``step`` (0-based) of a training.

    The warm-up takes ``w = round(share * steps)`` steps: step ``n`` below ``w`` has
    ``peak * n / w``, so the first has 0, and step ``w`` is the first of the schedule. Steps and
    exponential decay count epochs from the beginning; a cosine's wave begins at ``w`` and reaches
    its end at one past the last step.

    Raises:
        ValueError: ``step`` is outside the training.
    """
    steps = recipe.epochs * steps_per_epoch
    if not 0 <= step < steps:
        raise ValueError(f"step must be in 0..{steps - 1}, got {step}")
    peak, schedule = recipe.peak_learning_rate, recipe.schedule
    warmup_steps = round(schedule.warmup_share(recipe.epochs) * steps)
    if step < warmup_steps:
        return peak * step / warmup_steps
    epochs = step / steps_per_epoch
    match schedule:
        case Constant():
            return peak
        case Cosine(final_fraction=final):
            wave = (1 + math.cos(math.pi * (step - warmup_steps) / (steps - warmup_steps))) / 2
            return peak * (final + (1 - final) * wave)
        case Steps(at_epochs=at_epochs, factor=factor):
            return peak * factor ** sum(epochs >= epoch for epoch in at_epochs)
        case Exponential(factor=factor, every_epochs=every, staircase=staircase):
            times = epochs / every
            return peak * float(factor ** (math.floor(times) if staircase else times))
