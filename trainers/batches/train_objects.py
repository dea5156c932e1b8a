"""The objects of train images, as the augmentation moves them with the pixels."""

from __future__ import annotations

import torch

from trainers.augmentation.affine import affine
from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.objects import ObjectAugmentation
from trainers.augmentation.settings import Augmentation
from trainers.data.splits.dataset import ImageSplits
from trainers.data.splits.labels import rows_of_objects
from trainers.data.splits.picture_split import PictureSplit
from trainers.data.splits.random_crop import RandomCrop
from trainers.errors import DataError


class TrainObjects:
    """The objects of a train split.

    Args:
        splits: whose labels are objects.
        augmentation: of the recipe.
        seed: of the training.
        device: of the batches.

    Raises:
        DataError: the augmentation is not defined for objects.
    """

    def __init__(
        self, splits: ImageSplits, augmentation: Augmentation, *, seed: int, device: torch.device
    ) -> None:
        self._split = splits.train
        self._input_size = splits.train.image_shape[1:]
        self._crop: RandomCrop | None = None
        if isinstance(splits.train, PictureSplit) and augmentation.crop is not None:
            self._crop = RandomCrop(augmentation.crop, splits.size, seed)
            augmentation = augmentation.without_crop()
            self._input_size = splits.size
        try:
            self._augment = ObjectAugmentation(augmentation, splits.size)
        except ValueError as error:
            raise DataError(f"data set {splits.name!r}: {error}") from error
        self._rows = rows_of_objects(splits.train.labels)
        self._seed = seed
        self._device = device

    def augmented(self, epoch: int, positions: torch.Tensor) -> torch.Tensor:
        """Return the objects [B, M, 6] of some train images, M as few rows as hold them.

        Args:
            epoch: from 0.
            positions: int64 [B], on the CPU, where M is known without waiting for a device.
        """
        labels = self._split.labels
        objects = labels[positions.to(labels.device), : int(self._rows[positions].max())]
        cropped = None
        if self._crop is not None:
            assert isinstance(self._split, PictureSplit)
            assert self._split.hw is not None
            objects = self._split.objects_in_pictures(objects, self._split.hw[positions])
            cropped = self._maps_of_crop(self._crop, self._split, epoch, positions)
            cropped = cropped.to(self._device, non_blocking=True)
        draws = ImageDraws.of(self._seed, epoch, positions).to(self._device)
        return self._augment(objects.to(self._device), draws, self._input_size, cropped)

    @staticmethod
    def _maps_of_crop(
        crop: RandomCrop, split: PictureSplit, epoch: int, positions: torch.Tensor
    ) -> torch.Tensor:
        """Return the maps of whole pictures to their crops, float32 [B, 3, 3]."""
        corners, sides = crop.boxes(split, positions, epoch)
        height, width = crop.size
        factors = torch.tensor([width, height]) / sides
        x, y = ((0.5 - corners) * factors - 0.5).unbind(dim=1)
        zero = torch.zeros_like(x)
        return affine(factors[:, 0], zero, x, zero, factors[:, 1], y)
