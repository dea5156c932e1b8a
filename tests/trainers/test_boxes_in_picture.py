"""Boxes of a network's input lie over the same part of the picture that it was made from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.search_space.strategies import examples
from trainers import Preprocessing
from trainers.data.pictures.resizing import Resizing
from trainers.data.splits.picture_split import resized_objects

MODES: dict[str, dict[str, Any]] = {
    "stretch": {},
    "fit": {"resize": "fit"},
    "cover": {"resize": "cover", "crop": "centre", "resized_height": 40, "resized_width": 60},
}


def preprocessing(mode: str) -> Preprocessing:
    """Steps to an input of 32 x 48 pixels."""
    values = {"colour": "grey", "height": 32, "width": 48, "mean": (0.5,), "std": (0.5,)}
    return Preprocessing.model_validate(values | MODES[mode])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("hw", [(200, 300), (300, 200), (64, 96), (90, 500)])
def test_a_white_box_is_where_it_is_in_the_picture(mode: str, hw: tuple[int, int]) -> None:
    height, width = hw
    top, bottom = round(0.4 * height), round(0.6 * height)
    left, right = round(0.45 * width), round(0.6 * width)
    pixels = np.zeros(hw, np.uint8)
    pixels[top:bottom, left:right] = 255
    steps = preprocessing(mode)
    (seen,) = steps.pixels(Image.fromarray(pixels))
    rows, columns = (seen > 127).nonzero(as_tuple=True)
    box = torch.tensor([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]).float()
    (moved,) = steps.boxes_in_picture(box, hw)
    pixel = max(height / 32, width / 48)  # of the input, in pixels of the picture
    assert moved.tolist() == pytest.approx([left, top, right, bottom], abs=pixel)


@examples(20)
@given(
    st.tuples(st.integers(1, 400), st.integers(1, 400)),
    st.sampled_from(["stretch", "fit"]),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_it_is_the_inverse_of_resizing(hw: tuple[int, int], mode: str, shares: list[float]) -> None:
    height, width = hw
    edges = torch.tensor(shares) * torch.tensor([width, height, width, height])
    box = torch.cat([edges.view(2, 2).amin(dim=0), edges.view(2, 2).amax(dim=0)])
    objects = torch.cat([box, torch.tensor([0.0, 1.0])])[None, None]
    resizing = Resizing((32, 48), "fit" if mode == "fit" else "stretch")
    resized = resized_objects(objects, torch.tensor([hw]), resizing)[0, :, :4]
    back = preprocessing(mode).boxes_in_picture(resized, hw)
    torch.testing.assert_close(back[0], box, atol=1e-3, rtol=1e-4)


def test_boxes_are_cut_at_the_edges_of_the_picture() -> None:
    whole = torch.tensor([[0.0, 0, 48, 32]])  # a picture of half the width fills half of it
    assert preprocessing("fit").boxes_in_picture(whole, (64, 48)).tolist() == [[0, 0, 48, 64]]
