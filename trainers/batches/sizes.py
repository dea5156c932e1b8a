"""The sizes of a training's batches, groups and epochs."""

from __future__ import annotations

from typing import NamedTuple, Self

from trainers.recipe import Recipe


class BatchSizes(NamedTuple):
    """The sizes that follow from a recipe and the number of train images."""

    group_size: int  # images of a normalisation group
    groups: int  # of a batch
    steps_per_epoch: int  # whole batches in the train split; 1 when it is smaller than a batch

    @classmethod
    def of(cls, recipe: Recipe, train_images: int) -> Self:
        """Return the sizes; a batch larger than the train split has fewer groups, or is one."""
        images = min(recipe.batch_size, train_images)
        group_size = min(recipe.normalization_images or images, images)
        groups = images // group_size
        return cls(group_size, groups, train_images // (groups * group_size))

    @property
    def batch_size(self) -> int:
        """Images of a batch, at most the train split."""
        return self.groups * self.group_size
