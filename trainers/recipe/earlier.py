"""Recipes as versions before the present keys wrote them, into runs' folders and saved networks.

Those versions knew one optimiser (SGD, with Nesterov's look-ahead wherever there was momentum) and
one schedule (cosine after a warm-up). Such a recipe is read only where a file that they wrote is
read; whoever writes a recipe today uses today's keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator

from trainers.recipe.recipe import Recipe

DEFAULTS: Mapping[str, Any] = {
    "momentum": 0.9,
    "warmup_fraction": 0.05,
    "ema_decay": None,
    "bn_recalibration_images": 1024,
    "label_smoothing": 0.1,
}
"""The defaults of those versions that are not today's, or whose keys are gone."""

MAY_BE_EARLIER: Mapping[str, Any] = {"recipes": "may be earlier"}
"""pydantic's validation context in which :data:`SavedRecipe` takes the earlier keys too."""

DIFFERENCES = (
    "its learning rate warms up otherwise, and its augmentation draws other numbers for each image"
)
"""The ways in which equal settings train another network today, for messages."""


class EarlierRecipe(Recipe):
    """A recipe of an earlier version, translated.

    It says what was trained, and identifies it. To train by it today would give another network:
    see :data:`DIFFERENCES`.
    """

    written: str = Field(exclude=True)
    """The JSON of what that version wrote."""

    @property
    def content(self) -> dict[str, Any]:
        """The keys and values as that version wrote them."""
        written: dict[str, Any] = json.loads(self.written)
        return written


def is_earlier(content: Any) -> bool:
    """Return whether plain data are a recipe in the earlier keys."""
    return isinstance(content, Mapping) and not content.keys().isdisjoint(Recipe.RENAMED)


def translated(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return an earlier recipe's plain data in today's keys, with the same meaning."""
    earlier = {**DEFAULTS, **content}
    momentum, decay = earlier.pop("momentum"), earlier.pop("ema_decay")
    return earlier | {
        "optimizer": {"name": "sgd", "momentum": momentum, "nesterov": momentum != 0},
        "schedule": {"name": "cosine", "warmup_fraction": earlier.pop("warmup_fraction")},
        "weight_average": None if decay is None else {"decay": decay},
        "evaluation": {"recalibration_images": earlier.pop("bn_recalibration_images")},
    }


def _read(content: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Recipe:
    may_be = MAY_BE_EARLIER.items() <= dict(info.context or {}).items()
    if not (may_be and is_earlier(content)):
        recipe: Recipe = handler(content)
        return recipe
    return EarlierRecipe(**dict(handler(translated(content))), written=json.dumps(content))


SavedRecipe = Annotated[Recipe, WrapValidator(_read)]
"""A recipe that may be an :class:`EarlierRecipe` if the context is :data:`MAY_BE_EARLIER`."""
