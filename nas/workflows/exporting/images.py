"""Images on which an export is compared with its network, and by which it is quantised."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from nas.storage.networks.saved_network import SavedNetwork
from nas.storage.run.folder import RunFolder
from nas.storage.run.reach import check_reach
from nas.workflows.exporting.export import CheckImages
from nas.workflows.exporting.quantization import LabelledImages, QuantizationImages
from search_space.architecture import Task
from trainers import AnySplit, ImageSplits, Preprocessing, central_crop, load_splits
from trainers.normalization.recalibration import recalibrate_batch_norm

COMPARED = 16
"""Images that an export is compared on."""

CALIBRATION, VALIDATION = 256, 5000
"""The most images that quantisation takes: of training to calibrate, of validation to judge by."""

BATCH = 16
"""Images in memory at once."""


def splits_of(network: SavedNetwork, run: RunFolder | None) -> ImageSplits | None:
    """Load the data that a network was trained on; None where no run names them.

    Raises:
        ConfigError, DataError, TrustError: the run's configuration or data cannot be read.
    """
    if run is None or network.record is None:
        return None
    config = run.config()
    check_reach(run, config)
    return load_splits(config.data, network.record.recipe.pixels)


def compared_images(network: SavedNetwork, splits: ImageSplits | None) -> CheckImages:
    """Return validation images as the network takes them; noise where there are no data."""
    if splits is None or network.record is None or len(splits.validation) < 2:
        return noise(network.task)
    some = inputs(
        splits.validation, torch.arange(len(splits.validation))[:COMPARED], network.preprocessing
    )
    return CheckImages(some, f"the validation images of {splits.name}")


def quantization_images(
    network: SavedNetwork, splits: ImageSplits | None
) -> QuantizationImages | None:
    """Return training images to calibrate by, and labelled ones to judge by; None without data.

    The training images are spread evenly over the split, which may be sorted by class.
    """
    if splits is None or network.record is None or len(splits.validation) == 0:
        return None
    preprocessing = network.preprocessing
    spread = torch.linspace(0, len(splits.train) - 1, min(CALIBRATION, len(splits.train)))
    judged = torch.arange(len(splits.validation))[:VALIDATION]

    def validation() -> Iterator[LabelledImages]:
        for places in judged.split(BATCH):
            images = inputs(splits.validation, places, preprocessing)
            yield LabelledImages(images, splits.validation.labels[places].cpu())

    calibration = inputs(splits.train, spread.long(), preprocessing)
    return QuantizationImages(calibration.split(BATCH), validation, network.record.metric)


def noise(task: Task) -> CheckImages:
    """Return normal noise of a task's shape, the same each time."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((COMPARED, *task.input_shape), generator=generator)
    return CheckImages(images, "images of noise")


def untrained(model: nn.Module, images: Tensor) -> nn.Module:
    """Set batch normalisation's statistics of a network with random weights to those of images.

    At their start values, mean 0 and variance 1, the maps of a deep network grow from block to
    block until attention's softmax amplifies rounding: at 224 x 224 pixels the logits of
    ``aa_resnet34`` differ from those in float64 by 0.2 %, too much to compare a file by.

    Args:
        model: it is changed.
        images: ``[N, C, H, W]``, N >= 2.

    Returns:
        the model, in evaluation mode.
    """
    recalibrate_batch_norm(model, [images], 1)
    return model


def inputs(split: AnySplit, places: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return images of a split as a network takes them, ``[N, C, H, W]``, float32."""
    pixels = central_crop(split.pixels(places).cpu(), preprocessing.input_shape[1:])
    return preprocessing.normalised(pixels)
