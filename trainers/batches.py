"""Batches: normalised float images, from uint8 images on the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from trainers.augmentation import ImageDraws, build_augmentation, mix
from trainers.augmentation.central_crop import central_crop
from trainers.batch_sizes import BatchSizes
from trainers.data.dataset import ImageSplits, Split
from trainers.data.network_input import scale_of
from trainers.randomness import Stream, derived_seed
from trainers.recipe import Recipe

# Images are gathered, augmented and normalised for several batches at once, since every call has
# a fixed cost: a small train split is one call an epoch. 16 MiB of floats bounds the memory.
CHUNK_VALUES = 2**22
# evaluation keeps no activations for a backward pass, so twice the training batch fits
EVALUATION_BATCH_FACTOR = 2


class Batches:
    """The batches of one run, each a function of the seed and its place.

    Args:
        splits: on the device of the model.
        recipe: batch size, groups, augmentation and the number of recalibration images.
        seed: of the training.
        channels_last: memory layout of the batches.

    Attributes:
        classes: of the data set.
        group_size: images of a normalisation group.
        groups: of a batch.
        batch_size: images of a training batch, at most the train split.
        steps_per_epoch: whole batches in the train split; 1 when it is smaller than a batch.
        recalibration_steps: batches for batch-norm statistics; 0 when the recipe asks for none.

    Raises:
        DataError: the recipe does not fit the images.
    """

    def __init__(
        self, splits: ImageSplits, recipe: Recipe, *, seed: int, channels_last: bool
    ) -> None:
        device = splits.train.images.device
        self._splits = splits
        self.classes = splits.classes
        self._recipe = recipe
        self._seed = seed
        self._size = splits.input_shape[1:]
        self._augmentation = build_augmentation(recipe.augmentation, self._size)
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        mean, std = scale_of(splits, recipe.pixels)
        self._mean, self._std = (
            torch.tensor(values, device=device)[:, None, None] for values in (mean, std)
        )
        sizes = BatchSizes.of(recipe, len(splits.train))
        self.group_size, self.groups, self.steps_per_epoch = sizes
        self.batch_size = sizes.batch_size
        self._kept_recalibration: list[torch.Tensor] | None = None
        self._evaluation_batch_size = self.group_size * EVALUATION_BATCH_FACTOR
        images = min(recipe.evaluation.recalibration_images, len(splits.train))
        self.recalibration_steps = min(images, max(1, images // self._evaluation_batch_size))

    def training(self, epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield one epoch in random order: images [B, C, H, W] and their targets.

        Targets are labels [B], int64, or with mixup or cutmix class probabilities [B, classes].
        The images beyond the last whole batch are left out, so no batch is too small for batch
        normalisation; the next epoch's order leaves out others.

        Args:
            epoch: from 0.
        """
        order = self._order(Stream.ORDER, epoch)[: self.steps_per_epoch * self.batch_size]
        step = epoch * self.steps_per_epoch
        for chunk in order.split(self._chunk_images()):
            images = self._in_memory_format(self._augmented(chunk, epoch))
            labels = self._splits.train.labels[chunk.to(images.device)]
            for batch in zip(
                images.split(self.batch_size), labels.split(self.batch_size), strict=True
            ):
                yield self._mixed(*batch, step) if self._recipe.augmentation.mixes else batch
                step += 1

    def recalibration(self) -> Iterable[torch.Tensor]:
        """Yield ``recalibration_steps`` batches of train images [B, C, H, W], in random order.

        They are augmented as in training, since the weights were fitted to activations of that
        distribution. Mixing is left out: no image met in evaluation is a mixture of two (pycls
        does the same). Small ones are made once and kept, for all evaluations of the run.
        """
        if self._kept_recalibration is not None:
            return self._kept_recalibration
        order = self._order(Stream.RECALIBRATION, 0)[: self._recipe.evaluation.recalibration_images]
        # near-equal parts: batch normalisation cannot take a last batch of one image
        parts = order.tensor_split(self.recalibration_steps)
        after = self._recipe.epochs  # an epoch that is not trained
        batches = (self._in_memory_format(self._augmented(part, after)) for part in parts)
        if len(order) * self._splits.train.images[0].numel() > CHUNK_VALUES:
            return batches
        self._kept_recalibration = list(batches)
        return self._kept_recalibration

    def evaluation(self, split: Split) -> Iterator[torch.Tensor]:
        """Yield all images of a split in their order, not augmented, cropped to their centre."""
        for images in split.images.split(self._evaluation_batch_size):
            cropped = central_crop(images, self._size)
            yield self._in_memory_format(self._normalised(cropped.float().div_(255)))

    def _chunk_images(self) -> int:
        values_per_batch = self._splits.train.images[: self.batch_size].numel()
        return max(1, CHUNK_VALUES // values_per_batch) * self.batch_size

    def _order(self, stream: Stream, epoch: int) -> torch.Tensor:
        """Return an order of the train images, on the CPU, so that it is the same everywhere."""
        generator = torch.Generator().manual_seed(derived_seed(self._seed, stream, epoch))
        return torch.randperm(len(self._splits.train), generator=generator)

    def _augmented(self, positions: torch.Tensor, epoch: int) -> torch.Tensor:
        whole = self._splits.train.images
        images = whole[positions.to(whole.device)].float().div_(255)
        draws = ImageDraws.of(self._seed, epoch, positions)
        return self._normalised(self._augmentation(images, draws))

    def _mixed(
        self, images: torch.Tensor, labels: torch.Tensor, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mix the images and labels of each group among themselves."""
        parts = zip(images.split(self.group_size), labels.split(self.group_size), strict=True)
        mixed = [
            mix(
                *part,
                self._recipe.augmentation,
                classes=self.classes,
                seed=derived_seed(self._seed, Stream.MIXING, step * self.groups + group),
            )
            for group, part in enumerate(parts)
        ]
        return torch.cat([each for each, _ in mixed]), torch.cat([each for _, each in mixed])

    def _in_memory_format(self, images: torch.Tensor) -> torch.Tensor:
        return images.contiguous(memory_format=self._memory_format)

    def _normalised(self, images: torch.Tensor) -> torch.Tensor:
        return images.sub(self._mean).div_(self._std)
