"""Batches: normalised float images, from uint8 images in memory or decoded while training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import torch

from trainers.augmentation.augment import build_augmentation
from trainers.augmentation.central_crop import central_crop
from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.mixing import mix
from trainers.batches.order import epoch_order
from trainers.batches.sizes import BatchSizes
from trainers.batches.sources import DecodedBefore, DecodedBeside
from trainers.data.network_input import scale_of
from trainers.data.splits.dataset import AnySplit, ImageSplits
from trainers.data.splits.picture_split import PictureSplit
from trainers.distributed.ranks import Ranks
from trainers.randomness import Stream, derived_seed
from trainers.recipe import Recipe
from trainers.stopwatch import Stopwatch

if TYPE_CHECKING:
    from trainers.batches.train_objects import TrainObjects

# Images are gathered, augmented and normalised for several batches at once, since every call has
# a fixed cost: a small train split is one call an epoch. 16 MiB of floats bounds the memory.
CHUNK_VALUES = 2**22
# evaluation keeps no activations for a backward pass, so twice the training batch fits
EVALUATION_BATCH_FACTOR = 2


class Batches:
    """This process' parts of the batches of one run, each a function of the seed and its place.

    Args:
        splits: those in memory are on ``device``.
        recipe: batch size, groups, augmentation and the number of recalibration images.
        seed: of the training.
        device: of the batches.
        channels_last: memory layout of the batches.
        ranks: the processes that train together.
        stopwatch: measures the loading of images; None for one of its own.

    Attributes:
        classes: of the data set.
        group_size: images of a normalisation group.
        groups: of a batch, in all processes.
        batch_size: images of a training batch, in all processes; at most the train split.
        steps_per_epoch: whole batches in the train split; 1 when it is smaller than a batch.
        recalibration_steps: batches for batch-norm statistics; 0 when the recipe asks for none.

    Raises:
        DataError: the recipe does not fit the images.
    """

    def __init__(
        self,
        splits: ImageSplits,
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device,
        channels_last: bool,
        ranks: Ranks,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._splits = splits
        self.classes = splits.classes
        self._recipe = recipe
        self._seed = seed
        self._device = device
        self._ranks = ranks
        self._stopwatch = stopwatch or Stopwatch()
        self._size = splits.input_shape[1:]
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        mean, std = scale_of(splits, recipe.pixels)
        self._mean, self._std = (
            torch.tensor(values, device=device)[:, None, None] for values in (mean, std)
        )
        sizes = BatchSizes.of(recipe, len(splits.train))
        self.group_size, self.groups, self.steps_per_epoch = sizes
        self.batch_size = sizes.batch_size
        own = ranks.share(self.groups)
        self._own_images = slice(own.start * self.group_size, own.stop * self.group_size)
        self._own_groups = own
        self._kept_recalibration: list[torch.Tensor] | None = None
        self._evaluation_batch_size = self.group_size * EVALUATION_BATCH_FACTOR
        images = min(recipe.evaluation.recalibration_images, len(splits.train))
        self.recalibration_steps = min(images, max(1, images // self._evaluation_batch_size))
        augmentation = recipe.augmentation
        self._source: DecodedBefore | DecodedBeside
        if not isinstance(splits.train, PictureSplit):
            self._source = DecodedBefore(splits.train, self._stopwatch)
        else:
            self._source = DecodedBeside(
                splits.train,
                augmentation.crop,
                self._size,
                seed=seed,
                processes=splits.loading.process_count(),
                pinned=device.type == "cuda",
                stopwatch=self._stopwatch,
            )
            augmentation = augmentation.without_crop()
        self._augmentation = build_augmentation(augmentation, self._size)
        self._objects: TrainObjects | None = None
        if splits.has_objects:
            # (it imports kornia, which is slow)
            from trainers.batches.train_objects import TrainObjects  # noqa: PLC0415

            self._objects = TrainObjects(splits, recipe.augmentation, seed=seed, device=device)

    def training(self, step: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the batches from a step on, without end: images [B, C, H, W] and their targets.

        Targets are labels [B], int64, with mixup or cutmix class probabilities [B, classes], or the
        objects [B, M, 6] of the augmented images.
        Every epoch has a random order. The images beyond its last whole batch are left out, so no
        batch is too small for batch normalisation; the next epoch's order leaves out others. B
        are the images of this process' groups.

        Args:
            step: in the whole training, from 0.
        """
        at_once = self._steps_at_once()
        for epoch, pixels, positions in self._source.training(self._positions(step, at_once)):
            images = self._in_memory_format(self._augmented(pixels, epoch, positions))
            labels = self._labels(epoch, positions)
            own = self._own_images.stop - self._own_images.start
            for batch in zip(images.split(own), labels.split(own), strict=True):
                yield self._mixed(*batch, step) if self._recipe.augmentation.mixes else batch
                step += 1

    def recalibration(self) -> Iterable[torch.Tensor]:
        """Yield ``recalibration_steps`` batches of train images [B, C, H, W], in random order.

        They are augmented as in training, since the weights were fitted to activations of that
        distribution. Mixing is left out: no image met in evaluation is a mixture of two (pycls
        does the same). Small ones are made once and kept, for all evaluations of the run. Every
        process takes all of them.
        """
        if self._kept_recalibration is not None:
            return self._kept_recalibration
        train = self._splits.train
        order = epoch_order(len(train), seed=self._seed, stream=Stream.RECALIBRATION, epoch=0)
        order = order[: self._recipe.evaluation.recalibration_images]
        # near-equal parts: batch normalisation cannot take a last batch of one image
        parts = order.tensor_split(self.recalibration_steps)
        after = self._recipe.epochs  # an epoch that is not trained
        batches = (
            self._in_memory_format(self._augmented(pixels, after, positions))
            for _, pixels, positions in self._source.training((after, part) for part in parts)
        )
        if len(order) * math.prod(self._splits.input_shape) > CHUNK_VALUES:
            return batches
        self._kept_recalibration = list(batches)
        return self._kept_recalibration

    def evaluation(self, split: AnySplit) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield this process' share of a split's images in their order, with their targets.

        Images are cropped to their centre.
        """
        share = self._ranks.share(len(split))
        parts = torch.arange(share.start, share.stop).split(self._evaluation_batch_size)
        for pixels, positions in self._evaluated(split, parts):
            cropped = central_crop(pixels.to(self._device, non_blocking=True), self._size)
            labels = split.labels[positions.to(split.labels.device)].to(self._device)
            yield self._in_memory_format(self._normalised(cropped.float().div_(255))), labels

    def _evaluated(
        self, split: AnySplit, parts: Iterable[torch.Tensor]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        source: DecodedBefore | DecodedBeside
        if not isinstance(split, PictureSplit):
            source = DecodedBefore(split, self._stopwatch)
        else:
            source = DecodedBeside(
                split,
                None,
                self._size,
                seed=self._seed,
                processes=self._splits.loading.process_count(),
                pinned=self._device.type == "cuda",
                stopwatch=self._stopwatch,
            )
        for _, pixels, positions in source.training((0, part) for part in parts):
            yield pixels, positions

    def _positions(self, step: int, at_once: int) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield epochs and the positions of this process' images of up to ``at_once`` steps."""
        while True:
            epoch, first = divmod(step, self.steps_per_epoch)
            order = epoch_order(
                len(self._splits.train),
                seed=self._seed,
                stream=Stream.ORDER,
                epoch=epoch,
                block_images=self._splits.loading.block_images,
            )
            batches = order[: self.steps_per_epoch * self.batch_size].view(-1, self.batch_size)
            for chunk in batches[first:, self._own_images].split(at_once):
                yield epoch, chunk.flatten()
                step += len(chunk)

    def _steps_at_once(self) -> int:
        if isinstance(self._source, DecodedBeside):
            return 1
        values_per_batch = self.batch_size * math.prod(self._splits.train.image_shape)
        return max(1, CHUNK_VALUES // values_per_batch)

    def _augmented(self, pixels: torch.Tensor, epoch: int, positions: torch.Tensor) -> torch.Tensor:
        images = pixels.to(self._device, non_blocking=True).float().div_(255)
        draws = ImageDraws.of(self._seed, epoch, positions)
        return self._normalised(self._augmentation(images, draws))

    def _labels(self, epoch: int, positions: torch.Tensor) -> torch.Tensor:
        """Return the classes of some train images, or the objects in them once augmented."""
        if self._objects is not None:
            return self._objects.augmented(epoch, positions)
        labels = self._splits.train.labels
        return labels[positions.to(labels.device)].to(self._device)

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
            for group, part in zip(self._own_groups, parts, strict=True)
        ]
        return torch.cat([each for each, _ in mixed]), torch.cat([each for _, each in mixed])

    def _in_memory_format(self, images: torch.Tensor) -> torch.Tensor:
        return images.contiguous(memory_format=self._memory_format)

    def _normalised(self, images: torch.Tensor) -> torch.Tensor:
        return images.sub(self._mean).div_(self._std)
