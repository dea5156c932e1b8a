"""Drawings of architectures: nothing overlaps or leaves the page, and text stays text."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from analysis.drawing.architecture import draw_architecture
from analysis.drawing.png import write_png
from analysis.drawing.shapes import Drawing, Words, text_width
from analysis.drawing.svg import svg_of
from search_space.architecture import Architecture, Task
from search_space.cost import PartCosts, network_costs
from search_space.space import SearchSpace
from search_space.zoo import named_network

SPACES = sorted((Path(__file__).parents[2] / "configs" / "spaces").glob("*.yaml"))
SVG = "{http://www.w3.org/2000/svg}"


def drawn(name: str) -> tuple[Architecture, Drawing]:
    known = named_network(name)
    architecture = known.at_width(1.0)
    costs = network_costs(architecture, known.task)
    return architecture, draw_architecture(architecture, known.task, costs)


def costs_of(name: str) -> tuple[PartCosts, ...]:
    known = named_network(name)
    return tuple(network_costs(known.at_width(1.0), known.task).parts)


def ends(words: Words) -> tuple[float, float]:
    width = text_width(words.text, words.size)
    left = words.x if words.anchor == "start" else words.x - width / 2
    return left, left + width


def check_page(drawing: Drawing) -> None:
    for box in drawing.boxes:
        assert 0 <= box.x <= box.x + box.width <= drawing.width
        assert 0 <= box.y <= box.y + box.height <= drawing.height
    for words in drawing.words:
        left, right = ends(words)
        assert left >= 0
        assert right <= drawing.width
        assert words.y < drawing.height
    for one, other in combinations(drawing.words, 2):
        if one.y == other.y:
            assert ends(one)[1] <= ends(other)[0] or ends(other)[1] <= ends(one)[0]
    for left, right in combinations(drawing.boxes, 2):
        assert left.x + left.width <= right.x  # from the image to the classes


@pytest.mark.parametrize("name", ["aa_resnet152", "sasa_resnet26", "aa_mnasnet_100", "se_resnet50"])
def test_a_bar_is_a_block_and_its_height_the_macs(name: str) -> None:
    architecture, drawing = drawn(name)
    check_page(drawing)
    blocks = [len(stage.blocks) for stage in architecture.stages]
    ends_of_network = 2 + (architecture.head is not None)  # stem, classifier
    assert len(drawing.boxes) == sum(blocks) + ends_of_network
    macs = [part.counts.macs for part in costs_of(name)[1:3]]  # of stages 1 and 2
    first, second = drawing.boxes[1].height, drawing.boxes[1 + blocks[0]].height
    assert first / second == pytest.approx((macs[0] / blocks[0]) / (macs[1] / blocks[1]))


@pytest.mark.parametrize("file", SPACES, ids=lambda file: file.stem)
def test_every_shipped_space_can_be_drawn(file: Path) -> None:
    space = SearchSpace.from_yaml(file)
    task = Task(dataset="any", input_shape=(3, 64, 64), classes=10)
    architecture = space.sample(np.random.default_rng(0))
    check_page(draw_architecture(architecture, task, network_costs(architecture, task)))


def test_the_svg_has_every_word_and_says_what_a_bar_is() -> None:
    architecture, drawing = drawn("sasa_resnet26")
    root = ElementTree.fromstring(svg_of(drawing))
    assert {text.text for text in root.iter(f"{SVG}text")} == {w.text for w in drawing.words}
    tips = [title.text for box in root.iter(f"{SVG}rect") for title in box.iter(f"{SVG}title")]
    assert tips == [box.tip for box in drawing.boxes]
    assert architecture.stages[1].blocks[0].label in tips[2]


def test_names_are_text_in_the_svg() -> None:
    _, drawing = drawn("sasa_resnet26")
    hostile = drawing._replace(title="<script>alert(1)</script>")
    assert "<script>" not in svg_of(hostile)
    root = ElementTree.fromstring(svg_of(hostile))
    assert root.find(f"{SVG}title").text == "<script>alert(1)</script>"  # type: ignore[union-attr]


def test_the_png_shows_the_whole_page(tmp_path: Path) -> None:
    _, drawing = drawn("sasa_resnet26")
    write_png(tmp_path / "drawn.png", drawing)
    with Image.open(tmp_path / "drawn.png") as picture:
        assert picture.width / picture.height == pytest.approx(
            drawing.width / drawing.height, rel=0.01
        )
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 10
