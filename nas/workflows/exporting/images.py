"""Images on which an export is compared with its network, and by which it is quantised."""

from __future__ import annotations

import torch
from torch import Tensor

from nas.storage.networks.saved_network import SavedNetwork
from nas.storage.run.folder import RunFolder
from nas.storage.run.reach import check_reach
from nas.workflows.exporting.export import CheckImages
from search_space.architecture import Task
from trainers import AnySplit, ImageSplits, Preprocessing, central_crop, load_splits

COMPARED = 16
"""Images that an export is compared on."""

BATCH = 64


def splits_of(network: SavedNetwork, *, trust: bool) -> ImageSplits | None:
    """Load the data that a network was trained on; None where no run around its file names them.

    Raises:
        ConfigError, DataError, TrustError: the run's configuration or data cannot be read.
    """
    run = RunFolder.around(network.path, trust=trust)
    if run is None or network.record is None:
        return None
    config = run.config()
    check_reach(run, config)
    return load_splits(config.data, network.record.recipe.pixels)


def compared_images(network: SavedNetwork, splits: ImageSplits | None) -> CheckImages:
    """Return validation images as the network takes them; noise where there are no data."""
    if splits is None or network.record is None:
        return noise(network.task)
    some = inputs(splits.validation, range(COMPARED), network.preprocessing)
    return CheckImages(some, f"the validation images of {splits.name}")


def noise(task: Task) -> CheckImages:
    """Return normal noise of a task's shape, the same each time."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((COMPARED, *task.input_shape), generator=generator)
    return CheckImages(images, "images of noise")


def inputs(split: AnySplit, positions: range, preprocessing: Preprocessing) -> Tensor:
    """Return images of a split as a network takes them, ``[N, C, H, W]``, float32."""
    places = torch.arange(len(split))[positions.start : positions.stop]
    pixels = central_crop(split.pixels(places).cpu(), preprocessing.input_shape[1:])
    return preprocessing.normalised(pixels)
