"""Attention maps: the pixels that each head of a layer attends to from some pixels of an image.

Source: Bello et al. 2019, "Attention Augmented Convolutional Networks", arXiv 1904.09925, appendix
A.4: Figure 9 is the image with numbered crosses, Figure 10 a grid with a row for each head and a
column for each pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from search_space.attention.weights import AttentionCall, attention_layers, record_attention
from search_space.nearest import hint

Pixel = tuple[int, int]  # (row, column)

BACKBONE = "stages."
"""The beginning of the names of a backbone's layers; the others are those of a detector."""


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """The maps of one layer for some pixels of one image.

    Attributes:
        layer: the module's name in the network.
        extent: side of the window of local attention, in pixels of the map; None for global.
        image_hw: (H, W) of the image.
        pixels: (row, column) of each pixel asked for, in the image.
        queries: (row, column) of the query that stands for each, on the layer's map.
        maps: ``[pixels, heads, H, W]`` of the layer's map, float32: the probabilities with which
            each query attends to each pixel. They add up to one, but for local attention with
            ``border = zeros``, where what is attended off the map is missing.
    """

    layer: str
    extent: int | None
    image_hw: tuple[int, int]
    pixels: tuple[Pixel, ...]
    queries: tuple[Pixel, ...]
    maps: npt.NDArray[np.float32]

    @property
    def kind(self) -> str:
        """``global`` or ``local``."""
        return "global" if self.extent is None else "local"


def attention_maps(
    model: nn.Module, image: Tensor, pixels: Sequence[Pixel], layer: str | None = None
) -> AttentionMaps:
    """Run ``model`` on one image and return where a layer attends from ``pixels``.

    The query of a pixel is the one of the layer's map at ``floor(row * H_map / H_image)``, and so
    for columns: the paper says nothing about it.

    Args:
        model: in evaluation mode.
        image: ``[C, H, W]``, normalised as the model takes it.
        pixels: (row, column) of the image, at least one.
        layer: one of :func:`attention_layers`; None for the last of the backbone that attends over
            more than one pixel (or, where each map is a single pixel, the last). A layer of a
            detector's heads runs on the map of every level; its maps are those of the first.

    Raises:
        ValueError: a model in training mode or without attention, an unknown layer, an image of
            another form, no pixel, or one outside the image.
    """
    _check(model, image, pixels)
    some = next(model.parameters())
    with torch.no_grad(), record_attention(model) as calls:
        model(image[None].to(some))
    first: dict[str, AttentionCall] = {}
    for each in calls:
        first.setdefault(each.layer, each)
    call = _chosen(first, layer)
    image_hw = (image.shape[-2], image.shape[-1])
    queries = tuple(
        (row * call.map_hw[0] // image_hw[0], column * call.map_hw[1] // image_hw[1])
        for row, column in pixels
    )
    return AttentionMaps(
        layer=call.layer,
        extent=call.inputs.extent,
        image_hw=image_hw,
        pixels=tuple((row, column) for row, column in pixels),
        queries=queries,
        maps=np.stack([call.weights(query)[0].float().cpu().numpy() for query in queries]),
    )


def _chosen(calls: dict[str, AttentionCall], layer: str | None) -> AttentionCall:
    """Return the call of ``layer``, or of the layer that is shown by default."""
    if not calls:
        raise ValueError(
            "the network has no layer of global or local attention to show: its blocks are made of "
            "convolutions alone"
        )
    if layer is None:
        backbone = [call for name, call in calls.items() if name.startswith(BACKBONE)]
        shown = backbone or list(calls.values())
        wide = [call for call in shown if call.map_hw != (1, 1)]
        return (wide or shown)[-1]
    if layer not in calls:
        raise ValueError(f"the network has no attention layer {layer!r}; {hint(layer, calls)}")
    return calls[layer]


def _check(model: nn.Module, image: Tensor, pixels: Sequence[Pixel]) -> None:
    if model.training:
        raise ValueError("the model must be in evaluation mode, got one in training mode")
    if image.ndim != 3:
        raise ValueError(f"the image must be [C, H, W], got {list(image.shape)}")
    if not pixels:
        raise ValueError("there must be at least one pixel to look from, got none")
    height, width = image.shape[-2:]
    for row, column in pixels:
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(
                f"a pixel must lie in the image of {height} rows and {width} columns, counted "
                f"from 0; got row {row}, column {column}"
            )


__all__ = ["AttentionMaps", "attention_layers", "attention_maps"]
