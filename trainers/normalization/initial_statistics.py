"""The initial statistics of batch normalisation that a short training leaves in its averages."""

from __future__ import annotations

from trainers.batches.sizes import BatchSizes
from trainers.recipe import Recipe

TORCH_MOMENTUM = 0.1
"""The momentum of most layers where a recipe gives none."""

MOST_LEFT = 0.01
"""A larger share of the initial statistics is worth a warning."""


def initial_statistics_left(recipe: Recipe, train_images: int) -> float:
    """Return the share that the initial statistics have in the running averages at the end.

    Each group's statistics leave the share ``1 - momentum`` of what was there, so that it is
    ``(1 - momentum)^n`` after n groups.

    Args:
        recipe: of the training.
        train_images: of the training.
    """
    sizes = BatchSizes.of(recipe, train_images)
    groups = recipe.epochs * sizes.steps_per_epoch * sizes.groups
    return float((1 - _momentum(recipe)) ** groups)


def initial_statistics_warning(recipe: Recipe, train_images: int) -> str | None:
    """Return why a network would be evaluated with averages that are not its own; None if not.

    Recalibrated statistics have nothing of the initial ones.
    """
    if recipe.evaluation.recalibration_images:
        return None
    left = initial_statistics_left(recipe, train_images)
    if left <= MOST_LEFT:
        return None
    return (
        f"batch normalisation's running averages, of momentum {_momentum(recipe):g}, keep "
        f"{left:.1%} of their initial values after {recipe.epochs} epochs of {train_images:,} "
        "images, and the network is evaluated with them: raise batch_norm.momentum, or set "
        "evaluation.recalibration_images"
    )


def _momentum(recipe: Recipe) -> float:
    return recipe.batch_norm.momentum or TORCH_MOMENTUM
