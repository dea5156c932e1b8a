"""``nas predict``: pictures on disk are classified as the same images were in training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from nas.cli.application import app
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.evaluation.evaluate import task_of
from nas.evaluation.full_training import Trained, train_in_full
from nas.storage.ledger import Ledger
from nas.storage.networks.checkpoints import save_checkpoint
from nas.storage.networks.network_file import load_network
from nas.storage.networks.retraining import Retraining, example_folder
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture
from search_space.networks import build
from trainers import (
    CheckpointError,
    DataConfig,
    ImageSplits,
    PixelSettings,
    Recipe,
    load_splits,
)

CONFIGS = Path(__file__).parents[3] / "configs"
STEM = {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": 4}
NETWORK = {"stem": STEM, "stages": [{"width": 8, "stride": 1, "blocks": [{"type": "conv"}]}]}
ARCHITECTURE = Architecture.from_json(json.dumps(NETWORK))
WHOLE = PixelSettings()


class Retrained(NamedTuple):
    """A network that was trained in full, as ``nas retrain`` keeps it."""

    model_file: Path
    splits: ImageSplits
    trained: Trained


def retrained(
    folder: Path, data: DataConfig, *, epochs: int, pixels: PixelSettings = WHOLE
) -> Retrained:
    config: SearchConfig = load_config(CONFIGS / "searches" / "digits.yaml")
    recipe = Recipe(epochs=epochs, batch_size=20, learning_rate=0.2, pixels=pixels)
    config = config.replace(retrain=recipe, data=data.model_dump())
    splits = load_splits(data, pixels)
    run = RunFolder.create(folder, config)
    task = task_of(data, splits)
    *_, trained = train_in_full(
        ARCHITECTURE, splits, task, recipe, seed=0, device="cpu", metric="accuracy"
    )
    assert isinstance(trained, Trained)
    training = Retraining.of(ARCHITECTURE, 0, config, run)
    training.start()
    training.finish(config, Ledger.create(config, run), task, trained, splits.fingerprint)
    return Retrained(training.model_file, splits, trained)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Retrained:
    data = DataConfig(name="digits", train_images=200, validation_images=100, test_images=120)
    return retrained(tmp_path_factory.mktemp("digits"), data, epochs=8)


def predict(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["predict", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def read(*arguments: object) -> list[dict[str, Any]]:
    """Run with ``--json`` and read the output as strict JSON."""

    def refused(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    result = predict(*arguments, "--json")
    rows: list[dict[str, Any]] = json.loads(result.stdout, parse_constant=refused)
    return rows


def save(path: Path, image: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[0].numpy()).save(path, "PNG")


def test_the_test_images_as_files_are_right_as_often_as_the_ledger_says(
    digits: Retrained, tmp_path: Path
) -> None:
    test = digits.splits.test
    for index, image in enumerate(test.images):
        save(tmp_path / "test" / f"{index:03}.png", image)
    rows = read(digits.model_file, tmp_path / "test", "--batch", 64)
    assert [Path(row["image"]).name for row in rows] == [f"{i:03}.png" for i in range(120)]
    said = [row["predictions"][0]["class_name"] for row in rows]
    hits = [name == str(label) for name, label in zip(said, test.labels.tolist(), strict=True)]
    accuracy = digits.trained.metrics["test_accuracy"]
    assert sum(hits) / len(hits) == accuracy
    assert accuracy > 0.5  # of ten classes: the network has learned
    record = load_network(digits.model_file).record
    assert record is not None
    assert (record.accuracies.test.mean, record.accuracies.test.images) == (accuracy, 120)


def test_own_images_are_classified_and_renamed_folders_change_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = tmp_path / "images"
    for name, level in {"dark": 60, "light": 190}.items():
        (images / name).mkdir(parents=True)
        for index in range(40):
            pixels = rng.normal(level, 20, (*rng.integers(9, 20, 2), 3)).clip(0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(images / name / f"{index}.png")
    data = DataConfig(name="image_folder", path=str(images), image_size=(8, 8))
    model_file = retrained(tmp_path / "runs", data, epochs=3).model_file
    (images / "dark").rename(images / "zebra")  # now the last of the classes
    rows = read(model_file, images)
    assert len(rows) == 80
    for row in rows:
        expected = "dark" if "zebra" in row["image"] else "light"
        assert row["predictions"][0]["class_name"] == expected
    shutil.rmtree(images)
    assert load_network(model_file).class_names == ("dark", "light")


def test_cropped_test_images_as_files_are_right_as_often_as_the_ledger_says(
    tmp_path: Path,
) -> None:
    """Wide and high pictures with a faint mark in their middle: some are classified wrongly."""
    rng = np.random.default_rng(0)
    images = tmp_path / "images"
    for part, count in (("train", 60), ("test", 40)):
        for name, level in {"dark": 119, "light": 131}.items():
            (images / part / name).mkdir(parents=True)
            for index in range(count):
                height, width = rng.integers(16, 40, 2)
                pixels = rng.normal(125, 60, (height, width, 3))
                pixels[height // 2 - 5 : height // 2 + 5, width // 2 - 5 : width // 2 + 5] += (
                    level - 125
                )
                picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
                picture.save(images / part / name / f"{index}.png")
    data = DataConfig(name="image_folder", path=str(images), image_size=(8, 8))
    pixels_asked = PixelSettings(
        crop_fraction=0.8,
        interpolation="bicubic",
        mean=(0.5, 0.5, 0.5),
        deviation=(0.2, 0.25, 0.3),
    )
    kept = retrained(tmp_path / "runs", data, epochs=2, pixels=pixels_asked)
    assert kept.splits.test.images.shape[2:] == (10, 10)
    rows = read(kept.model_file, images / "test")
    confusion = {"dark": {"dark": 0, "light": 0}, "light": {"dark": 0, "light": 0}}
    for row in rows:
        confusion[Path(row["image"]).parent.name][row["predictions"][0]["class_name"]] += 1
    counted = [list(row) for row in kept.trained.test.confusion]
    assert [list(row.values()) for row in confusion.values()] == counted
    assert 0 < counted[0][0] + counted[1][1] < 80


def test_a_table_lists_the_most_probable_classes(digits: Retrained, tmp_path: Path) -> None:
    save(tmp_path / "a [bold] digit.png", digits.splits.test.images[0])
    ((row,),) = [read(digits.model_file, tmp_path / "a [bold] digit.png", "--top", 3)]
    best = row["predictions"]
    assert [p["probability"] for p in best] == sorted(
        (p["probability"] for p in best), reverse=True
    )
    assert len(best) == 3
    shown = predict(digits.model_file, tmp_path / "a [bold] digit.png", "--top", 3)
    assert shown.exit_code == 0
    assert "a [bold] digit.png" in "".join(shown.stdout.split("\n"))
    words = " ".join(shown.stdout.split())
    for each in best:
        assert f"{each['class_name']} {each['probability']:.1%}" in words


def test_what_cannot_be_read_is_named_and_the_rest_is_classified(
    digits: Retrained, tmp_path: Path
) -> None:
    images = digits.splits.validation.images
    save(tmp_path / "folder" / "1.png", images[0])
    save(tmp_path / "folder" / "deeper" / "2.PNG", images[1])
    (tmp_path / "folder" / "broken.jpg").write_bytes(b"\xff\xd8 and no more")
    (tmp_path / "folder" / "notes.txt").write_text("no image, and not taken for one")
    (tmp_path / "empty").mkdir()
    save(tmp_path / "unusual.name", images[2])
    arguments = [tmp_path / name for name in ("folder", "nothing.png", "empty", "unusual.name")]
    rows = read(digits.model_file, *arguments, "--batch", 2)
    names = [row["image"].removeprefix(f"{tmp_path}/") for row in rows]
    assert names == [
        "folder/1.png",
        "folder/broken.jpg",
        "folder/deeper/2.PNG",
        "nothing.png",
        "empty",
        "unusual.name",
    ]
    failed = {"folder/broken.jpg", "nothing.png", "empty"}
    network = load_network(digits.model_file)
    for name, row in zip(names, rows, strict=True):
        if name in failed:
            assert row["predictions"] is None
            assert str(tmp_path / name) in row["error"]
        else:
            ((expected,),) = network.classify(tmp_path / name)
            (predicted,) = row["predictions"]
            assert predicted["class_name"] == expected.class_name
            assert predicted["probability"] == pytest.approx(expected.probability)
            assert row["error"] is None
    result = predict(digits.model_file, *arguments)
    assert result.exit_code == 1
    assert result.stderr.count("error:") == 3
    assert "nothing.png: no such file" in result.stderr
    assert "holds no image file (one that ends in .bmp, " in result.stderr
    assert "unusual.name" in "".join(result.stdout.split())


def test_nothing_read_is_no_table(digits: Retrained) -> None:
    result = predict(digits.model_file, "nothing.png")
    assert (result.exit_code, result.stdout) == (1, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--top", 0), "--top must be 1 to 10, the number of classes, got 0"),
        (("--top", 11), "--top must be 1 to 10, the number of classes, got 11"),
        (("--batch", 0), "--batch must be 1 or more, got 0"),
        (
            ("--score-threshold", 0.5),
            "is a classifier, which takes --top and not --score-threshold",
        ),
        (("--picture", "sheet.png"), "is a classifier, which takes --top and not --picture"),
    ],
)
def test_options_that_cannot_be(
    digits: Retrained, options: tuple[object, ...], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        predict(digits.model_file, "digit.png", *options)


def test_a_file_from_before_cannot_classify(digits: Retrained, tmp_path: Path) -> None:
    before = {
        "architecture": ARCHITECTURE.canonical_json(),
        "task": load_network(digits.model_file).task.canonical_json(),
        "weights": build(ARCHITECTURE, load_network(digits.model_file).task, seed=0).state_dict(),
    }
    save_checkpoint(tmp_path / "model.pt", before)
    with pytest.raises(CheckpointError, match="lacks the preprocessing, the class names"):
        predict(tmp_path / "model.pt", "digit.png")


def test_examples_of_every_class_are_written(digits: Retrained) -> None:
    files = sorted(example_folder(digits.model_file.parents[1]).iterdir())
    assert [file.name[0] for file in files] == list("0123456789")
    validation = digits.splits.validation
    for file in files:
        position = int(file.stem.partition("_validation")[2])
        assert np.array_equal(np.asarray(Image.open(file)), validation.images[position, 0])
        assert str(int(validation.labels[position])) == file.name[0]


def test_a_folder_is_read_a_batch_at_a_time(
    digits: Retrained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    forward: Callable[..., torch.Tensor] = torch.nn.Linear.forward

    def counted(module: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        return forward(module, x)

    monkeypatch.setattr(torch.nn.Linear, "forward", counted)
    for index in range(7):
        save(tmp_path / "seven" / f"{index}.png", digits.splits.test.images[index])
    assert len(read(digits.model_file, tmp_path / "seven", "--batch", 3)) == 7
    assert sizes == [3, 3, 1]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_progress_is_on_standard_error_where_there_are_several_batches(
    digits: Retrained, tmp_path: Path, options: tuple[str, ...]
) -> None:
    for index in range(5):
        save(tmp_path / "five" / f"{index}.png", digits.splits.test.images[index])
    several = predict(digits.model_file, tmp_path / "five", "--batch", 2, *options)
    assert several.stderr.splitlines() == [
        "2 of 5 images classified",
        "5 of 5 images classified",
    ]
    assert "images classified" not in several.stdout
    assert predict(digits.model_file, tmp_path / "five", "--batch", 5, *options).stderr == ""
