"""A detector's backbone from the weights of a classifier, whose images may have another size.

Local attention and convolutions need nothing for another size. The relative positions of global
attention are tables for one map size: a longer or shorter table is made by linear interpolation of
the rows and of the columns, which for both together is bilinear.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from search_space.layers.augmented_convolution import AugmentedConvolution2d
from search_space.networks.network import Backbone

ENDING = ("head.", "classifier.")
"""The beginnings of the names of a classifier's own weights, which a backbone has not."""


def load_backbone(model: Backbone, classifier: Mapping[str, Tensor]) -> None:
    """Copy the stem and the stages of a classifier with the same stem and stages into ``model``.

    Args:
        model: the detector, or any backbone; its other weights stay.
        classifier: the classifier's ``state_dict``.

    Raises:
        ValueError: the classifier lacks a weight of the backbone, or has one more or of another
            shape; the message names the first.
    """
    own = {n: t for n, t in model.state_dict().items() if n.startswith(("stem.", "stages."))}
    given = {n: t for n, t in classifier.items() if not n.startswith(ENDING)}
    if own.keys() != given.keys():
        name = min(own.keys() ^ given.keys())
        lacks = "classifier" if name in own else "backbone"
        raise ValueError(f"the {lacks} has no {name}: their stems and stages must be the same")
    tables = _relative_tables(model)
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(_fitted(name, given[name], weight, resizes=name in tables))


def _relative_tables(model: Backbone) -> set[str]:
    """Return the names of the relative embeddings of global attention."""
    return {
        f"{name}.{table}"
        for name, module in model.named_modules()
        if isinstance(module, AugmentedConvolution2d)
        for table in ("row_embedding", "column_embedding")
    }


def _fitted(name: str, given: Tensor, own: Tensor, *, resizes: bool) -> Tensor:
    if given.shape == own.shape:
        return given
    if not resizes or given.shape[0::2] != own.shape[0::2]:
        raise ValueError(
            f"{name}: the classifier's is {tuple(given.shape)}, the backbone's {tuple(own.shape)}"
        )
    # [1, 2 L - 1, d]: the middle row, of distance 0, stays in the middle.
    channels_first = given.transpose(1, 2)
    resized = F.interpolate(channels_first, own.shape[1], mode="linear", align_corners=True)
    return resized.transpose(1, 2)
