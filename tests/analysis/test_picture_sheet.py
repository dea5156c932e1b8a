"""The sheet shows every sample, grey or colour, of any shape, under any name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.picture_sheet import draw_picture_sheet


@pytest.mark.parametrize("count", [1, 7, 8, 9, 40])
def test_any_number_of_pictures_is_drawn(tmp_path: Path, count: int) -> None:
    rng = np.random.default_rng(count)
    shapes = [(1, 8, 8), (3, 9, 30), (3, 40, 7)]
    samples = [
        (f"class $x_{number} [b]", rng.integers(0, 256, shapes[number % 3]).astype(np.uint8))
        for number in range(count)
    ]
    draw_picture_sheet(samples, tmp_path / "sheet.png", title="a $title", caption="a caption")
    with Image.open(tmp_path / "sheet.png") as drawn:
        pixels = np.asarray(drawn.convert("RGB"))
    assert pixels.shape[1] >= 700
    assert (pixels < 250).any(axis=2).mean() > 0.03


def test_pixels_are_shown_as_they_are(tmp_path: Path) -> None:
    red = np.zeros((3, 4, 4), np.uint8)
    red[0] = 255
    grey = np.full((1, 4, 4), 77, np.uint8)
    draw_picture_sheet([("red", red), ("grey", grey)], tmp_path / "s.png", title="t", caption="c")
    with Image.open(tmp_path / "s.png") as drawn:
        colours = {colour: count for count, colour in drawn.convert("RGB").getcolors(10**6)}
    assert colours[255, 0, 0] > 5000
    assert colours[77, 77, 77] > 5000


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    picture = [("a", np.zeros((1, 2, 2), np.uint8))]
    with pytest.raises(OSError, match="No such file"):
        draw_picture_sheet(picture, tmp_path / "no" / "s.png", title="t", caption="c")
