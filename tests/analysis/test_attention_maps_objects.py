"""``nas attention-maps`` on a detector: its backbone's layers, and boxes over the picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.attention_maps.maps import attention_layers, attention_maps
from analysis.attention_maps.picture import attention_maps_png, draw_attention_maps
from analysis.boxed_pictures import DrawnBox
from nas.cli.commands.networks import attention_maps as command
from nas.cli.commands.networks.attention_maps import show_attention_maps
from nas.cli.commands.object_boxes import detected_boxes, drawn_boxes
from nas.cli.output import Output
from nas.evaluation.evaluate import cached_splits
from nas.storage.networks.network_file import load_network
from nas.storage.networks.retraining import example_folder
from search_space.architecture import Architecture, Task
from search_space.networks import build
from tests.analysis.small_attention import invented
from tests.nas.trained_detector import DATA, RECIPE, retrained_detector, with_attention
from tests.search_space.small_detectors import LOCAL, small_detector
from trainers import DataConfig

LAYER = "stages.1.0"
TASK = Task(input_shape=(3, 64, 64), classes=3)


@pytest.fixture(scope="module")
def detector_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return retrained_detector(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The captions and boxes that were drawn."""
    kept: list[dict[str, Any]] = []

    def draw(*arguments: Any, **settings: Any) -> None:
        kept.append(settings)
        draw_attention_maps(*arguments, **settings)

    monkeypatch.setattr(command, "draw_attention_maps", draw)
    return kept


def show(model_file: Path, image: str, png: Path | None = None) -> str:
    printed = io.StringIO()
    show_attention_maps(Output(file=printed), model_file, image=image, pixels="", layer="", png=png)
    return printed.getvalue()


def test_a_validation_image_has_its_true_boxes(
    detector_file: Path, drawn: list[dict[str, Any]]
) -> None:
    printed = show(detector_file, "validation:1")
    splits = cached_splits(DataConfig.model_validate(DATA), RECIPE.pixels)
    boxes = drawn_boxes(splits.validation.labels[1], splits.class_names)
    assert drawn[0]["boxes"] == boxes
    assert boxes
    assert printed.startswith("validation image 1, with 1 ")
    assert "drawn as boxes: the network finds " in printed
    assert f"{LAYER}" in printed
    assert "local attention, 2 heads, map of 16 x 16" in printed
    assert detector_file.with_name("attention-maps.png").stat().st_size > 10_000


def test_an_image_file_has_the_detected_boxes(
    detector_file: Path, tmp_path: Path, drawn: list[dict[str, Any]]
) -> None:
    image = sorted(example_folder(detector_file.parents[1]).iterdir())[0]
    printed = show(detector_file, str(image), tmp_path / "maps.png")
    network = load_network(detector_file)
    (objects,) = network.detections(network.preprocess(image))
    assert drawn[0]["boxes"] == detected_boxes(objects, network.class_names)
    assert printed.startswith(f"{image.name}: the network finds ")
    assert (tmp_path / "maps.png").exists()


def layers_and_map(architecture: Architecture, layer: str | None) -> tuple[str, tuple[int, ...]]:
    model = build(architecture, TASK, seed=0).eval()
    maps = attention_maps(model, torch.randn(3, 64, 64), [(0, 0)], layer)
    return maps.layer, maps.maps.shape[2:]


def test_the_backbone_is_shown_by_default() -> None:
    detector = with_attention()
    both = detector.replace(detector=small_detector(LOCAL, last_level=4, layers=1).detector)
    name, hw = layers_and_map(both, None)
    assert name.startswith(LAYER)
    assert hw == (16, 16)


def test_a_head_is_shown_on_the_map_of_its_first_level() -> None:
    architecture = small_detector(LOCAL, last_level=5)
    name = "class_head.operators.0"
    assert name in attention_layers(build(architecture, TASK, seed=0))
    assert layers_and_map(architecture, name) == (name, (8, 8))
    assert layers_and_map(architecture, None)[1] == (8, 8)  # no layer of the backbone attends
    assert layers_and_map(architecture, "pyramid.operators.1")[1] == (4, 4)


def test_boxes_change_the_picture() -> None:
    maps = invented()
    image = torch.rand(3, *maps.image_hw)
    box = DrawnBox((1.0, 1.0, 6.0, 6.0), "cat", 0)
    assert attention_maps_png(maps, image, boxes=[box]) != attention_maps_png(maps, image)
