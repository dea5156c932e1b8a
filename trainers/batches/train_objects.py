"""The objects of train images, as the augmentation moves them with the pixels."""

from __future__ import annotations

import torch

from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.objects import build_object_augmentation
from trainers.augmentation.settings import Augmentation
from trainers.data.splits.dataset import ImageSplits
from trainers.data.splits.labels import rows_of_objects
from trainers.errors import DataError


class TrainObjects:
    """The objects of a train split.

    Args:
        splits: whose labels are objects.
        augmentation: of the recipe, as it is applied to the pixels of the train split.
        seed: of the training.
        device: of the batches.

    Raises:
        DataError: the augmentation is not defined for objects.
    """

    def __init__(
        self, splits: ImageSplits, augmentation: Augmentation, *, seed: int, device: torch.device
    ) -> None:
        try:
            self._augment = build_object_augmentation(augmentation, splits.size)
        except ValueError as error:
            raise DataError(f"data set {splits.name!r}: {error}") from error
        self._labels = splits.train.labels
        self._rows = rows_of_objects(self._labels)
        self._input_size = splits.train.image_shape[1:]
        self._seed = seed
        self._device = device

    def augmented(self, epoch: int, positions: torch.Tensor) -> torch.Tensor:
        """Return the objects [B, M, 6] of some train images, M as few rows as hold them.

        Args:
            epoch: from 0.
            positions: int64 [B], on the CPU, where M is known without waiting for a device.
        """
        labels = self._labels[positions.to(self._labels.device)]
        labels = labels[:, : int(self._rows[positions].max())].to(self._device)
        draws = ImageDraws.of(self._seed, epoch, positions).to(self._device)
        return self._augment(labels, draws, self._input_size)
