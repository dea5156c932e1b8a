"""The forms of attention that a description can name: positions, borders, layouts, values.

The papers compare four encodings of positions, which tell attention where a pixel is (AACN section
3.1 and Tables 7 and 8, SASA Table 5):

* ``none``: attention sees a set of pixels.
* ``relative``: learned embeddings of the distance from query to key, one term of the logits.
* ``sine``: sines and cosines of the absolute position (Vaswani et al. 2017, arXiv 1706.03762,
  section 3.5), added to the input of the query, key and value projection.
* ``coordconv``: the coordinates and the distance from the centre as three more channels of that
  input (Liu et al. 2018, arXiv 1807.03247, with the radius channel).

The last two have no parameters or MACs of their own.
"""

from __future__ import annotations

from typing import Literal

AttentionPosition = Literal["none", "relative", "sine", "coordconv"]

Border = Literal["masked", "zeros"]
"""Pixels outside the map: left out of the softmax, or zeros."""

Layout = Literal["per_head", "across_heads"]
"""Whether heads have relative embeddings of their own."""

StemValues = Literal["spatially_aware", "pointwise", "convolution"]
"""Form of the attention stem's values (SASA Table 7)."""

COORDINATE_CHANNELS = 3
LEAST_SINE_CHANNELS = 4  # a sine and a cosine of the row, and of the column


def encodes(position: AttentionPosition, channels: int) -> bool:
    """Return whether there is any encoding where the projection's input has ``channels``."""
    return position != "none" and (position != "sine" or channels >= LEAST_SINE_CHANNELS)


def encoded_channels(position: AttentionPosition, channels: int) -> int:
    """Return the channels of the projection's input, encoded, where the map has ``channels``."""
    return channels + COORDINATE_CHANNELS if position == "coordconv" else channels


def position_labels(position: AttentionPosition) -> list[str]:
    """Return the words for it in a label: none for ``relative``, the default."""
    named = {"none": ["no-pos"], "relative": []}
    return named.get(position, [position])
