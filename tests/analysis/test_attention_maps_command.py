"""``nas attention-maps`` on a network as ``nas retrain`` would have kept it."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from analysis.attention_maps.maps import AttentionMaps, attention_maps
from analysis.attention_maps.picture import draw_attention_maps
from nas.cli.commands.networks import attention_maps as command
from nas.cli.commands.networks.attention_maps import quadrant_centres, show_attention_maps
from nas.cli.output import Output
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.evaluation.evaluate import task_of
from nas.evaluation.example_pictures import example_pictures
from nas.evaluation.full_training import Trained
from nas.storage.ledger import Ledger
from nas.storage.networks.checkpoints import save_checkpoint
from nas.storage.networks.network_file import load_network
from nas.storage.networks.retraining import Retraining
from nas.storage.run.folder import RunFolder
from search_space.networks import build
from tests.analysis.small_attention import GLOBAL, LOCAL, architecture
from trainers import (
    CheckpointError,
    DataError,
    Execution,
    ImageSplits,
    Preprocessing,
    load_checkpoint,
    load_splits,
)
from trainers.evaluation.classification_report import classification_report

CONFIGS = Path(__file__).parents[2] / "configs"
Show = Callable[..., str]


@pytest.fixture(scope="module")
def config() -> SearchConfig:
    return load_config(CONFIGS / "searches" / "digits.yaml")


@pytest.fixture(scope="module")
def splits(config: SearchConfig) -> ImageSplits:
    return load_splits(config.data)


@pytest.fixture(scope="module")
def model_file(
    tmp_path_factory: pytest.TempPathFactory, config: SearchConfig, splits: ImageSplits
) -> Path:
    run = RunFolder.create(tmp_path_factory.mktemp("runs"), config)
    task = task_of(config.data, splits)
    training = Retraining.of(architecture(), 0, config, run)
    report = classification_report(torch.eye(10), torch.arange(10))
    trained = Trained(
        weights=build(architecture(), task, seed=0).state_dict(),
        weights_named="raw",
        weights_beside=None,
        metrics={"val_accuracy": 0.1, "test_accuracy": 0.1},
        validation=report,
        validation_beside=None,
        test=report,
        curve=[{"epoch": 1, "val_accuracy": 0.1}],
        device_seconds=1.0,
        execution=Execution("float32", channels_last=False, compiles=False),
        groups_at_once=1,
        preprocessing=Preprocessing.of(splits),
        class_names=splits.class_names,
        decoding=splits.decoding,
        examples=example_pictures(splits),
    )
    training.finish(config, Ledger.create(config, run), task, trained, "images")
    return training.model_file


@pytest.fixture
def show(model_file: Path) -> Show:
    """Runs the command; what it prints."""

    def run(**changes: Any) -> str:
        printed = io.StringIO()
        arguments = {"image": "validation:0", "pixels": "", "layer": "", "png": None} | changes
        show_attention_maps(
            Output(file=printed), arguments.pop("model_file", model_file), **arguments
        )
        return printed.getvalue()

    return run


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[AttentionMaps]:
    """The maps that were drawn."""
    drawn: list[AttentionMaps] = []

    def draw(maps: AttentionMaps, *arguments: Any, **settings: Any) -> None:
        drawn.append(maps)
        draw_attention_maps(maps, *arguments, **settings)

    monkeypatch.setattr(command, "draw_attention_maps", draw)
    return drawn


def test_command_draws_beside_the_model(
    show: Show, model_file: Path, splits: ImageSplits, drawn: list[AttentionMaps]
) -> None:
    printed = show(image="validation:5")
    label = splits.class_names[int(splits.validation.labels[5])]
    assert f"validation image 5, labelled {label}: the network says " in printed
    assert f"{GLOBAL}: global attention, 2 heads, map of 4 x 4; drawn in" in printed
    assert str(model_file.with_name("attention-maps.png")) in printed
    assert f"other layers: {LOCAL}" in printed
    assert model_file.with_name("attention-maps.png").stat().st_size > 10_000
    assert drawn[0].pixels == ((2, 2), (2, 6), (6, 2), (6, 6))
    x = Preprocessing.of(splits).normalised(splits.validation.images[5])
    expected = attention_maps(load_network(model_file).model, x, drawn[0].pixels, GLOBAL)
    np.testing.assert_array_equal(drawn[0].maps, expected.maps)


def test_command_takes_a_layer_pixels_and_a_file(
    show: Show, tmp_path: Path, drawn: list[AttentionMaps]
) -> None:
    png = tmp_path / "elsewhere.png"
    printed = show(layer=LOCAL, pixels="0,0 7,3", png=png)
    assert f"{LOCAL}: local attention, 4 heads, map of 8 x 8; drawn in {png}" in printed
    assert png.exists()
    assert drawn[0].pixels == ((0, 0), (7, 3))
    assert drawn[0].layer == LOCAL


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_command_takes_an_image_file(show: Show, tmp_path: Path, mode: str) -> None:
    path = tmp_path / "photo.png"
    grey = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30) % 256
    Image.fromarray(grey.astype(np.uint8)).convert(mode).save(path)
    printed = show(image=str(path))
    assert printed.startswith("photo.png: the network says ")


def test_an_image_file_is_seen_as_the_same_image_of_the_data(
    show: Show, tmp_path: Path, splits: ImageSplits
) -> None:
    path = tmp_path / "digit.png"
    Image.fromarray(splits.validation.images[3, 0].numpy()).convert("RGB").save(path)
    says = [show(image=name).splitlines()[0] for name in ("validation:3", str(path))]
    assert says[0].partition(": ")[2] == says[1].partition(": ")[2]


def test_quadrant_centres() -> None:
    assert quadrant_centres((224, 32)) == [(56, 8), (56, 24), (168, 8), (168, 24)]
    assert quadrant_centres((1, 2)) == [(0, 0), (0, 1)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": "validation:700"}, "validation split has 700 images, counted from 0"),
        ({"image": "nothing.png"}, "validation:INDEX or an image file.*, got 'nothing.png'"),
        ({"image": "train:0"}, "got 'train:0'"),
        ({"image": "test:0"}, "test images are looked at once, by `nas retrain`.*got 'test:0'"),
        ({"png": Path("maps.jpg")}, "--png must end in .png, got 'maps.jpg'"),
        ({"png": Path("maps")}, "--png must end in .png, got 'maps'"),
        ({"pixels": "2;2"}, "'row,column row,column ...'.* got '2;2'"),
        ({"pixels": "-1,2"}, "got '-1,2'"),
        ({"pixels": "8,0"}, "8 rows and 8 columns.* got row 8, column 0"),
        ({"layer": "nowhere"}, f"no attention layer 'nowhere'.*{LOCAL}, {GLOBAL}"),
        ({"png": Path("no/such/folder.png")}, "cannot draw no/such/folder.png: No such file"),
    ],
)
def test_command_says_what_is_wrong(show: Show, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        show(**changes)


def test_a_model_alone_is_enough_for_an_image_file(
    show: Show, tmp_path: Path, model_file: Path, splits: ImageSplits
) -> None:
    lonely, digit = tmp_path / "model.pt", tmp_path / "digit.png"
    lonely.write_bytes(model_file.read_bytes())
    Image.fromarray(splits.validation.images[3, 0].numpy()).save(digit)
    alone, in_run = (show(model_file=file, image=str(digit)) for file in (lonely, model_file))
    assert alone.splitlines()[0] == in_run.splitlines()[0]


def test_command_needs_a_whole_image_and_a_model_in_its_run(
    show: Show, tmp_path: Path, model_file: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    with pytest.raises(DataError, match=r"broken.png (cannot be read as|is not) an image"):
        show(image=str(broken))
    with pytest.raises(CheckpointError, match="cannot read the checkpoint"):
        show(model_file=model_file.with_name("other.pt"))
    lonely = tmp_path / "model.pt"
    content = load_checkpoint(model_file)
    del content["record"]
    save_checkpoint(lonely, content)
    with pytest.raises(CheckpointError, match="lacks the preprocessing, the class names"):
        show(model_file=lonely)
    lonely.write_bytes(model_file.read_bytes())
    with pytest.raises(
        CommandError, match=r"not lie in a run's folder.*give an image file instead"
    ):
        show(model_file=lonely)


@pytest.mark.parametrize(
    ("changed", "instead"),
    [
        (("split_seed: 0", "split_seed: 1"), "split_seed=1.* instead of .*split_seed=0"),
        (("train_images: 400", "train_images: 300"), "mean=.* instead of .*mean="),
    ],
)
def test_command_refuses_data_that_the_network_was_not_trained_on(
    show: Show, model_file: Path, tmp_path: Path, changed: tuple[str, str], instead: str
) -> None:
    run = RunFolder(tmp_path / "run")
    shutil.copytree(model_file.parents[2], run.path)
    text = run.config_file.read_text()
    assert changed[0] in text
    run.config_file.write_text(text.replace(*changed))
    copied = run.path / model_file.relative_to(model_file.parents[2])
    with pytest.raises(CommandError, match=rf"are not what .*model.pt was trained on: .*{instead}"):
        show(model_file=copied)
