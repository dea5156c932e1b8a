"""The picture of attention maps: its grid, its labels, what stands where, and its errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import analysis.attention_maps.picture as picture
from analysis.attention_maps.maps import AttentionMaps
from analysis.attention_maps.picture import draw_attention_maps
from tests.analysis.small_attention import image, invented


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is drawn, as matplotlib holds it."""
    figures: list[Figure] = []
    make = picture._figure

    def kept(width: float, height: float) -> Figure:
        figures.append(make(width, height))
        return figures[-1]

    monkeypatch.setattr(picture, "_figure", kept)
    return figures


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def misplaced(figure: Figure) -> list[str]:
    """The texts that leave the page or touch another text or an image."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in figure.texts]
    boxes += [("", axes.get_window_extent(renderer)) for axes in figure.axes]
    page = figure.bbox
    return [
        text
        for index, (text, box) in enumerate(boxes)
        if not (page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1)
        or any(box.overlaps(other) for _, other in boxes[index + 1 :])
    ]


@pytest.mark.parametrize(
    ("maps", "channels", "caption"),
    [
        (invented(), 1, "one line"),
        (invented(4, 8, (10, 14)), 3, "a photograph of many words: " * 6),
        (invented(1, 1, (16, 2), extent=7), 2, ""),
        (invented(2, 2, (2, 16), extent=3), 1, "wide"),
        (invented(12, 1, (4, 5)), 1, ""),
    ],
    ids=["small", "large", "tall", "wide", "many pixels"],
)
def test_picture_has_a_map_for_each_head_and_pixel(
    tmp_path: Path, drawn: list[Figure], maps: AttentionMaps, channels: int, caption: str
) -> None:
    path = tmp_path / "maps.png"
    draw_attention_maps(maps, image(channels, maps.image_hw), path, caption=caption)
    with Image.open(path) as written:
        written.load()
        assert written.format == "PNG"
    assert [file.name for file in tmp_path.iterdir()] == ["maps.png"]

    (figure,) = drawn
    pixels, heads, *_ = maps.maps.shape
    input_axes, _, *grid = figure.axes
    assert len(grid) == pixels * heads
    assert len({round(axes.get_position().x0, 6) for axes in grid}) == pixels
    assert len({round(axes.get_position().y0, 6) for axes in grid}) == heads
    assert [text.get_text() for text in input_axes.texts] == [str(i + 1) for i in range(pixels)]
    names = texts(figure)
    assert names[0] == f"attention maps of {maps.layer}"
    assert f"{maps.kind} attention" in names[1]
    assert {f"head {head + 1}" for head in range(heads)} < set(names)
    row, column = maps.pixels[-1]
    assert f"pixel {pixels}\n(row {row}, col {column})" in names
    assert misplaced(figure) == []


def test_each_map_stands_at_its_place_with_its_cross(tmp_path: Path, drawn: list[Figure]) -> None:
    maps = invented(extent=3)
    draw_attention_maps(maps, image(1, maps.image_hw), tmp_path / "maps.png")
    grid = sorted(
        drawn[0].axes[2:],
        key=lambda axes: (axes.get_position().x0, -axes.get_position().y0),
    )
    for index, axes in enumerate(grid):
        pixel, head = divmod(index, 3)
        _, heat = axes.images
        weights = maps.maps[pixel, head]
        np.testing.assert_array_equal(heat.get_array(), weights)
        assert heat.get_clim() == (0, weights.max())
        window, cross = axes.lines
        (row, column) = maps.queries[pixel]
        assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (column, row)
        assert min(window.get_xdata()) == max(0, column - 1) - 0.5
        assert max(window.get_ydata()) == row + 1.5
        peak = f"peak {weights.max():.1%}"
        assert peak in texts(drawn[0])


def test_a_picture_is_as_wide_as_a_long_name_needs(tmp_path: Path, drawn: list[Figure]) -> None:
    maps = invented(1, 1)
    named = AttentionMaps(**vars(maps) | {"layer": "$x_" + "module." * 20})
    draw_attention_maps(named, image(1, maps.image_hw), tmp_path / "maps.png")
    assert misplaced(drawn[0]) == []


def test_an_image_of_one_value_can_be_drawn(tmp_path: Path) -> None:
    maps = invented()
    draw_attention_maps(maps, torch.ones(1, *maps.image_hw), tmp_path / "maps.png")


def test_errors_of_the_picture(tmp_path: Path) -> None:
    maps = invented()
    with pytest.raises(ValueError, match=r"must be \[C, 8, 15\].* got \[1, 8, 14\]"):
        draw_attention_maps(maps, image(1, (8, 14)), tmp_path / "maps.png")
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError) as caught:
        draw_attention_maps(maps, image(1, (8, 15)), tmp_path / "nowhere" / "maps.png")
    assert caught.value.filename == str(tmp_path / "nowhere" / "maps.png")
