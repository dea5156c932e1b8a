"""Batches: normalised float images, from uint8 images on the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    """The batches of one run; whoever iterates seeds torch's global generators.

    Args:
        splits: on the device of the model.
        recipe: batch size, augmentation and the number of recalibration images.
        channels_last: memory layout of the batches.

    Attributes:
        classes: of the data set.
        batch_size: images of a training batch, at most the train split.
        steps_per_epoch: whole batches in the train split; 1 when it is smaller than a batch.
        recalibration_steps: batches for batch-norm statistics; 0 when the recipe asks for none.
    """

    def __init__(self, splits: ImageSplits, recipe: Recipe, *, channels_last: bool) -> None:
        device = splits.train.images.device
        self._splits = splits
        self.classes = splits.classes
        self._recipe = recipe
        self._augmentation = build_augmentation(recipe.augmentation)
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self._mean = torch.tensor(splits.mean, device=device)[:, None, None]
        self._std = torch.tensor(splits.std, device=device)[:, None, None]
        self.batch_size = min(recipe.batch_size, len(splits.train))
        self.steps_per_epoch = len(splits.train) // self.batch_size
        self._kept_recalibration: list[torch.Tensor] | None = None
        self._evaluation_batch_size = recipe.batch_size * EVALUATION_BATCH_FACTOR
        images = min(recipe.bn_recalibration_images, len(splits.train))
        self.recalibration_steps = min(images, max(1, images // self._evaluation_batch_size))

    def training(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield one epoch in random order: images [B, C, H, W] and their targets.

        Targets are labels [B], int64, or with mixup class probabilities [B, classes]. The images
        beyond the last whole batch are left out, so no batch is too small for batch
        normalisation; the next epoch's order leaves out others.
        """
        train, alpha = self._splits.train, self._recipe.augmentation.mixup_alpha
        order = self._random_order()[: self.steps_per_epoch * self.batch_size]
        for chunk in order.split(self._chunk_images()):
            images, targets = self._augmented(chunk), train.labels[chunk]
            if alpha:
                images, targets = mixup(images, targets, alpha=alpha, classes=self.classes)
            images = self._in_memory_format(images)
            yield from zip(
                images.split(self.batch_size), targets.split(self.batch_size), strict=True
            )

    def recalibration(self) -> Iterable[torch.Tensor]:
        """Yield ``recalibration_steps`` batches of train images [B, C, H, W], in random order.

        They are augmented as in training, since the weights were fitted to activations of that
        distribution. mixup is left out: no image met in evaluation is a mixture of two (pycls
        does the same). Small ones are made once and kept, for all evaluations of the run.
        """
        if self._kept_recalibration is not None:
            return self._kept_recalibration
        order = self._random_order()[: self._recipe.bn_recalibration_images]
        # near-equal parts: batch normalisation cannot take a last batch of one image
        parts = order.tensor_split(self.recalibration_steps)
        batches = (self._in_memory_format(self._augmented(positions)) for positions in parts)
        if len(order) * self._splits.train.images[0].numel() > CHUNK_VALUES:
            return batches
        self._kept_recalibration = list(batches)
        return self._kept_recalibration

    def evaluation(self, split: Split) -> Iterator[torch.Tensor]:
        """Yield all images of a split in their order, not augmented."""
        for images in split.images.split(self._evaluation_batch_size):
            yield self._in_memory_format(self._normalised(images.float().div_(255)))

    def _chunk_images(self) -> int:
        values_per_batch = self._splits.train.images[: self.batch_size].numel()
        return max(1, CHUNK_VALUES // values_per_batch) * self.batch_size

    def _random_order(self) -> torch.Tensor:
        # drawn on the CPU, so that every device sees the images in the same order
        order = torch.randperm(len(self._splits.train))
        return order.to(self._splits.train.images.device)

    def _augmented(self, positions: torch.Tensor) -> torch.Tensor:
        images = self._splits.train.images[positions].float().div_(255)
        # recalibration runs inside autocast, which would round the warp's matrices
        with torch.autocast(images.device.type, enabled=False):
            return self._normalised(self._augmentation(images))

    def _in_memory_format(self, images: torch.Tensor) -> torch.Tensor:
        return images.contiguous(memory_format=self._memory_format)

    def _normalised(self, images: torch.Tensor) -> torch.Tensor:
        return images.sub(self._mean).div_(self._std)
