"""Hypothesis strategies of boxes and objects, of whole coordinates or of any."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from trainers.boxes import COLUMNS, CROWD, NO_OBJECT, OBJECT

SIDE = 16.0
CLASSES = 3


@st.composite
def boxes(draw: st.DrawFn, count: st.SearchStrategy[int]) -> Tensor:
    """Boxes [n, 4] with an area, float64; whole coordinates make ties likely."""
    n = draw(count)
    seed = draw(st.integers(0, 2**31))
    generator = torch.Generator().manual_seed(seed)
    ends = torch.rand((n, 2, 2), generator=generator, dtype=torch.float64) * SIDE
    if draw(st.booleans()):
        ends = ends.round()
    low, high = ends.amin(dim=1), ends.amax(dim=1)
    return torch.cat([low, torch.maximum(high, low + 1)], dim=1)


@st.composite
def objects(draw: st.DrawFn, images: int) -> Tensor:
    """Objects [images, M, 6], float64, of all kinds; rows that only fill hold zeros."""
    most = draw(st.integers(0, 5))
    rows = torch.zeros((images, most, COLUMNS), dtype=torch.float64)
    for image in range(images):
        kinds = draw(
            st.lists(
                st.sampled_from([OBJECT, OBJECT, CROWD, NO_OBJECT]), min_size=most, max_size=most
            )
        )
        rows[image, :, :4] = draw(boxes(st.just(most)))
        labels = draw(st.lists(st.integers(0, CLASSES - 1), min_size=most, max_size=most))
        rows[image, :, 4] = torch.tensor(labels)
        rows[image, :, 5] = torch.tensor(kinds)
        rows[image, rows[image, :, 5] == NO_OBJECT] = 0
    return rows
