"""Detectors on the command line: described, measured, and searched by their metric."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nas.cli.application import app
from nas.cli.commands.networks.describe import show_architectures
from nas.cli.output import Output
from nas.config.files import load_config
from nas.errors import CommandError
from nas.workflows.checks import SearchData, load_data
from nas.workflows.recipe_fit import check_full_recipe
from search_space.architecture import Task
from search_space.yaml_validation import ConfigError
from search_space.zoo import network
from tests.search_space.small_detectors import small_detector

ROOT = Path(__file__).parents[3]
SPACE = ROOT / "configs" / "spaces" / "small_detectors.yaml"
SEARCH = ROOT / "configs" / "searches" / "shapes.yaml"


def describe(name: str, image: str, classes: int | None = 20) -> None:
    show_architectures(Output(), [name], Path("runs"), image=image, classes=classes, kernels=False)


def test_a_detector_is_described_at_any_image_size() -> None:
    command = ["describe", "retinanet_resnet50", "--image", "3x512x512", "--classes", "20"]
    data = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)
    assert data["architecture"] == network("retinanet_resnet50").model_dump(mode="json")
    parts = {part["name"]: part for part in data["stages"]}
    boxes = 6 * sum(side * side for side in (64, 32, 16, 8, 4))
    assert parts["class head"]["output_shape"] == [boxes, 20]
    assert parts["box head"]["output_shape"] == [boxes, 4]
    assert sum(part["macs"] for part in data["stages"]) == data["macs"]
    assert data["peak_memory_mb_per_image"] > 100


def test_a_detector_in_a_file_is_described_and_drawn(tmp_path: Path) -> None:
    file, drawing = tmp_path / "mine.json", tmp_path / "mine.svg"
    file.write_text(small_detector().canonical_json())
    image = ["--image", "3x128x160", "--classes", "1"]
    done = CliRunner().invoke(app, ["describe", str(file), *image, "--draw", str(drawing)])
    assert done.exit_code == 0, done.output
    assert "P3-P7 conv3 w8" in done.output
    assert "class head" in drawing.read_text()


def test_clear_errors() -> None:
    with pytest.raises(CommandError) as caught:
        describe("retinanet_resnet50", "3x96x512")
    assert str(caught.value) == (
        "retinanet_resnet50 on 3x96x512: P7 has a stride of 128 pixels: images must have at least "
        "128 a side, got 96x512"
    )
    with pytest.raises(CommandError, match=r"--classes: .* greater than or equal to 1, got 0"):
        describe("retinanet_resnet50", "3x512x512", 0)
    with pytest.raises(CommandError, match=r"resnet50 .*: a classifier needs at least 2 classes"):
        describe("resnet50", "3x64x64", 1)


def test_a_backbone_without_the_stages_of_a_pyramid_is_said(tmp_path: Path) -> None:
    data = json.loads(small_detector().canonical_json())
    data["stages"].pop()
    file = tmp_path / "short.json"
    file.write_text(json.dumps(data))
    with pytest.raises(ConfigError) as caught:
        describe(str(file), "3x128x128")
    needs = "a pyramid from P3 to P7 needs stages of strides 8, 16, 32, got 4, 8, 16"
    assert caught.value.problems == [f"the file: detector: {needs}"]


def test_a_search_of_detectors_needs_their_metric() -> None:
    search = ROOT / "configs" / "searches" / "digits.yaml"
    with pytest.raises(ConfigError) as caught:
        load_config(search, [f"space={SPACE}"])
    assert caught.value.problems == [
        "the file: metric: a space of detectors needs ap50 or average_precision, got 'accuracy'; "
        "objectives: [val_map, params] sets it"
    ]


def test_a_search_of_classifiers_has_no_average_precision() -> None:
    search = ROOT / "configs" / "searches" / "digits.yaml"
    with pytest.raises(ConfigError, match=r"metric: a space of classifiers needs accuracy or"):
        load_config(search, ["metric=ap50"])


def test_val_map_is_the_average_precision() -> None:
    config = load_config(SEARCH)
    assert config.objectives == ("val_accuracy", "params")
    assert config.metric == "average_precision"
    with pytest.raises(ConfigError, match=r"val_map is the average precision, got metric='ap50'"):
        load_config(SEARCH, ["metric=ap50"])
    other = load_config(SEARCH, ["metric=ap50", "objectives=[val_accuracy,macs]"])
    assert other.metric == "ap50"


def test_images_with_a_label_each_do_not_go_with_detectors() -> None:
    data = ["data.name=digits", "data.train_images=40", "data.validation_images=20"]
    with pytest.raises(ConfigError, match=r"metric: a data set with a label for each image needs"):
        load_data(load_config(SEARCH, [*data, "data.test_images=20"]))


def test_a_training_of_a_detector_on_images_with_a_label_each_is_refused() -> None:
    config = load_config(ROOT / "configs" / "searches" / "cifar100.yaml")
    task = Task(dataset="cifar100", input_shape=(3, 128, 128), classes=100)
    detector = small_detector()
    with pytest.raises(ConfigError) as caught:
        check_full_recipe(config, SearchData(task, 45_000, 5_000, 10_000), [detector])
    (line,) = caught.value.problems
    assert line.startswith(f"network {detector.arch_id}: metric: a detector needs ap50 or")
