"""Fidelity: how a proxy evaluation reduces the full task's images and network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from search_space.architecture import Architecture, Task
from search_space.scaling import at_width
from search_space.values import Value

if TYPE_CHECKING:
    from trainers import ImageSplits


class Fidelity(Value):
    """Train proxies on fewer or smaller images, or with narrower networks.

    None reduces nothing.

    Only training is reduced: architectures, their costs and limits are those of the full task.
    Evaluations of different fidelities do not compare, so their ``recipe_id`` differs.
    """

    train_images: int | None = Field(default=None, ge=2)
    """Train images that the proxy uses, chosen with every class in proportion; null for all. Unit:
    images."""
    train_fraction: float | None = Field(default=None, gt=0, le=1)
    """The same as a fraction of the train images. It excludes `train_images`."""
    resolution: int | None = Field(default=None, ge=1)
    """Length of the images' shorter side; null for their own. Unit: pixels."""
    width: float | None = Field(default=None, gt=0, le=1)
    """Factor on all widths of the network; null for 1."""

    @model_validator(mode="after")
    def _one_size(self) -> Fidelity:
        if self.train_images is not None and self.train_fraction is not None:
            raise ValueError(
                "train_images and train_fraction exclude each other, got "
                f"train_images={self.train_images}, train_fraction={self.train_fraction}"
            )
        return self

    def __str__(self) -> str:
        """Format as ``train_fraction=0.5, width=0.5``."""
        given = {name: value for name, value in self if value is not None}
        return ", ".join(f"{name}={value}" for name, value in given.items()) or "all of the task"

    def splits(self, whole: ImageSplits, split_seed: int) -> ImageSplits:
        """Return the images to train and validate on.

        Raises:
            DataError: it asks for more images or pixels than there are, or fewer than classes.
        """
        from trainers import reduced  # noqa: PLC0415

        train_images = self.train_images
        if self.train_fraction is not None:
            train_images = round(self.train_fraction * len(whole.train))
        if train_images is None and self.resolution is None:
            return whole
        return reduced(
            whole, train_images=train_images, resolution=self.resolution, seed=split_seed
        )

    def task(self, full: Task) -> Task:
        """Return the task of those images."""
        if self.resolution is None:
            return full
        from trainers import resized_hw  # noqa: PLC0415

        channels, *hw = full.input_shape
        size = resized_hw((hw[0], hw[1]), self.resolution)
        return full.replace(input_shape=(channels, *size))

    def network(self, full: Architecture) -> Architecture:
        """Return the network that is trained in place of ``full``.

        Raises:
            ValueError: a part of the network does not fit the narrower widths.
        """
        return full if self.width is None else at_width(full, self.width)


FULL = Fidelity()
"""The fidelity of a retraining: nothing is reduced."""
