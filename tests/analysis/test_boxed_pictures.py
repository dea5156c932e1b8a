"""Boxes are drawn over pictures where they are, in their class's colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image

from analysis.boxed_pictures import BoxedPicture, DrawnBox, draw_boxed_pictures
from analysis.plot_style import PALETTE
from nas.cli.commands.object_boxes import detected_boxes, drawn_boxes
from nas.storage.networks.detected_objects import DetectedObject
from trainers.boxes import CROWD, NO_OBJECT, OBJECT


def drawn(path: Path, *pictures: BoxedPicture) -> np.ndarray:
    """The sheet's pixels [H, W, 3]."""
    draw_boxed_pictures(pictures, path, title="a $title", caption="a caption")
    with Image.open(path) as sheet:
        return np.asarray(sheet.convert("RGB"))


def are_of(pixels: np.ndarray, colour: tuple[float, ...]) -> np.ndarray:
    """Whether pixels have nearly a colour of 0..1, [H, W]."""
    return (np.abs(pixels - 255 * np.array(colour)) < 40).all(axis=2)


def black(*boxes: DrawnBox, hw: tuple[int, int] = (40, 60), channels: int = 3) -> BoxedPicture:
    return BoxedPicture("a picture of $x_1 [b]", np.zeros((channels, *hw), np.uint8), boxes)


def test_a_box_is_at_its_edges(tmp_path: Path) -> None:
    purple = np.zeros((3, 40, 60), np.uint8)
    purple[[0, 2]] = 200
    box_drawn = DrawnBox((15.0, 10.0, 45.0, 30.0), "", 2)
    pixels = drawn(tmp_path / "s.png", BoxedPicture("purple", purple, [box_drawn]))
    rows, columns = are_of(pixels, (200 / 255, 0.0, 200 / 255)).nonzero()
    picture = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    rows, columns = are_of(pixels, to_rgb(PALETTE[2])).nonzero()
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    sides = np.tile(picture[2:] - picture[:2], 2)
    shares = (box - np.tile(picture[:2], 2)) / sides
    assert shares.tolist() == pytest.approx([0.25, 0.25, 0.75, 0.75], abs=0.02)


def test_broken_lines_have_less_colour_and_labels_more(tmp_path: Path) -> None:
    edges = (5.0, 5.0, 55.0, 35.0)

    def coloured(box: DrawnBox) -> int:
        return int(are_of(drawn(tmp_path / "s.png", black(box)), to_rgb(PALETTE[1])).sum())

    whole = coloured(DrawnBox(edges, "", 1))
    assert coloured(DrawnBox(edges, "", 1, is_dashed=True)) < 0.9 * whole
    assert coloured(DrawnBox(edges, "a label", 1)) > whole


@pytest.mark.parametrize("count", [1, 4, 5])
def test_any_number_of_pictures(tmp_path: Path, count: int) -> None:
    box = DrawnBox((0.0, 0.0, 9.0, 9.0), "$x$", len(PALETTE))  # the first colour again
    pictures = [black(box, hw=(10, 30), channels=1) for _ in range(count)]
    pixels = drawn(tmp_path / "s.png", *pictures, black())
    assert are_of(pixels, to_rgb(PALETTE[0])).any()
    with pytest.raises(OSError, match="No such file"):
        drawn(tmp_path / "no" / "s.png", *pictures)


def test_true_objects_are_boxes_and_crowds_are_broken() -> None:
    objects = torch.tensor(
        [[1.0, 2, 3, 4, 1, OBJECT], [0, 0, 9, 9, 0, CROWD], [0, 0, 0, 0, 0, NO_OBJECT]]
    )
    assert drawn_boxes(objects, ("cat", "dog")) == [
        DrawnBox((1, 2, 3, 4), "dog", 1, is_dashed=False),
        DrawnBox((0, 0, 9, 9), "cat", 0, is_dashed=True),
    ]


def test_detected_objects_are_boxes_with_their_probability() -> None:
    detected = [DetectedObject("dog", 0.876, (1.0, 2.0, 3.0, 4.0))]
    assert detected_boxes(detected, ("cat", "dog"), 0.5) == [
        DrawnBox((0.5, 1, 1.5, 2), "dog 88%", 1)
    ]
