"""From uint8 images on the device to normalised float batches."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from trainers.data.augmentation import build_augmentation
from trainers.data.dataset import ImageSplits, Split
from trainers.data.mixup import mixup
from trainers.recipe import Recipe

# Images are gathered, augmented and normalised for several batches at once, since every call has
# a fixed cost: a small train split is one call an epoch. 16 MiB of floats bounds the memory.
CHUNK_VALUES = 2**22
# evaluation keeps no activations for a backward pass, so twice the training batch fits
EVALUATION_BATCH_FACTOR = 2


class Batches:
    """Makes the batches of one run; whoever iterates seeds torch's global generators.

    Args:
        splits: on the device of the model.
        recipe: batch size, augmentation and the number of recalibration images.
        channels_last: memory layout of the batches.

    Attributes:
        steps_per_epoch: whole batches in the train split; 1 when it is smaller than a batch.
    """

    def __init__(self, splits: ImageSplits, recipe: Recipe, *, channels_last: bool) -> None:
        device = splits.train.images.device
        self._splits = splits
        self._recipe = recipe
        self._augmentation = build_augmentation(recipe.augmentation)
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self._mean = torch.tensor(splits.mean, device=device)[:, None, None]
        self._std = torch.tensor(splits.std, device=device)[:, None, None]
        self.batch_size = min(recipe.batch_size, len(splits.train))
        self.steps_per_epoch = len(splits.train) // self.batch_size

    def training(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """One epoch in random order: images [B, C, H, W] and their targets.

        Targets are labels [B], int64, or with mixup class probabilities [B, classes]. The images
        beyond the last whole batch are left out, so no batch is too small for batch
        normalisation; the next epoch's order leaves out others.
        """
        train, alpha = self._splits.train, self._recipe.augmentation.mixup_alpha
        order = self._random_order()[: self.steps_per_epoch * self.batch_size]
        for chunk in order.split(self._chunk_images()):
            images, targets = self._augmented(chunk), train.labels[chunk]
            if alpha:
                images, targets = mixup(
                    images, targets, alpha=alpha, classes=self._splits.classes
                )
            images = images.contiguous(memory_format=self._memory_format)
            yield from zip(
                images.split(self.batch_size), targets.split(self.batch_size), strict=True
            )

    def recalibration(self) -> Iterator[torch.Tensor]:
        """Train images [B, C, H, W] for batch-norm statistics; none when the recipe asks for none.

        They are augmented as in training, since the weights were fitted to activations of that
        distribution. mixup is left out: no image met in evaluation is a mixture of two (pycls
        does the same).
        """
        for chunk in self.recalibration_parts():
            yield self._augmented(chunk).contiguous(memory_format=self._memory_format)

    def recalibration_parts(self) -> tuple[torch.Tensor, ...]:
        """The positions of the recalibration images in batches: near-equal, none below two."""
        order = self._random_order()[: self._recipe.bn_recalibration_images]
        if not len(order):
            return ()
        parts = max(1, len(order) // self._evaluation_batch_size())
        return tuple(order.tensor_split(parts))

    def evaluation(self, split: Split) -> Iterator[torch.Tensor]:
        """All images of a split in their order, not augmented."""
        for images in split.images.split(self._evaluation_batch_size()):
            yield self._normalised(images.float().div_(255)).contiguous(
                memory_format=self._memory_format
            )

    def _evaluation_batch_size(self) -> int:
        return self._recipe.batch_size * EVALUATION_BATCH_FACTOR

    def _chunk_images(self) -> int:
        values_per_batch = self._splits.train.images[: self.batch_size].numel()
        return max(1, CHUNK_VALUES // values_per_batch) * self.batch_size

    def _random_order(self) -> torch.Tensor:
        # drawn on the CPU, so that every device sees the images in the same order
        order = torch.randperm(len(self._splits.train))
        return order.to(self._splits.train.images.device)

    def _augmented(self, positions: torch.Tensor) -> torch.Tensor:
        images = self._splits.train.images[positions].float().div_(255)
        return self._normalised(self._augmentation(images))

    def _normalised(self, images: torch.Tensor) -> torch.Tensor:
        return images.sub(self._mean).div_(self._std)
